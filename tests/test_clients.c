/* SPDX-License-Identifier: MIT */
/* Tests of clients.c: the table of client connections. */
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../clients.h"
#include "check.h"

/* Was the read side of fd shut? */
static bool
is_shut(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, 0) == 1 && recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

int
main(void)
{
	int pair[4][2], slot[4], i;
	struct err e;

	for (i = 0; i < 4; i++)
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]) == 0);
	CHECK(clients_setup(2, &e) == 0);
	slot[0] = clients_enter(pair[0][0]);
	slot[1] = clients_enter(pair[1][0]);
	CHECK(slot[0] >= 0 && slot[1] >= 0 && slot[0] != slot[1]);

	/* Full of busy ones: nobody is thrown out. */
	CHECK_INT(clients_enter(pair[2][0]), -1);
	CHECK(!is_shut(pair[0][0]) && !is_shut(pair[1][0]));

	/* The longest idle one makes room. */
	CHECK(clients_idle(slot[1]));
	nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	CHECK(clients_idle(slot[0]));
	slot[2] = clients_enter(pair[2][0]);
	CHECK(slot[2] >= 0);
	CHECK(is_shut(pair[1][0]) && !is_shut(pair[0][0]));
	CHECK(!clients_idle(slot[1])); /* it must go */
	CHECK_INT(clients_count(), 3);
	clients_leave(slot[1]);
	CHECK_INT(clients_count(), 2);

	/* The table grows at a reload and does not lose anybody. */
	CHECK(clients_setup(100, &e) == 0);
	slot[3] = clients_enter(pair[3][0]);
	CHECK(slot[3] >= 0);

	/* Stopping: idle ones at once, busy ones when it is said. */
	clients_busy(slot[0]);
	CHECK(clients_idle(slot[2]));
	clients_stop();
	CHECK(clients_stopping());
	CHECK(is_shut(pair[2][0]) && !is_shut(pair[0][0]));
	CHECK(!clients_idle(slot[2]));
	CHECK_INT(clients_enter(pair[1][0]), -1);
	clients_abort();
	CHECK(is_shut(pair[0][0]) && is_shut(pair[3][0]));
	clients_leave(slot[0]);
	clients_leave(slot[2]);
	clients_leave(slot[3]);
	CHECK_INT(clients_count(), 0);
	return check_done();
}
