/* SPDX-License-Identifier: MIT */
/*
 * commands: what llmux.c's table calls. c is loaded (not opened: conf_open is
 * the command's own affair when it needs TLS); argv[0] is the command's name,
 * -c and --env-file are gone from argv. Each gives the exit code: 0, 1 failed,
 * 2 usage, 75 try again later. Reasons have been said.
 */
#ifndef LLMUX_COMMANDS_H
#define LLMUX_COMMANDS_H

#include "../conf.h"

int login_command(struct conf *c, int argc, char **argv);       /* login.c */
int setup_token_command(struct conf *c, int argc, char **argv); /* login.c */
int logout_command(struct conf *c, int argc, char **argv);      /* login.c */
int menu_command(struct conf *c, int (*start)(void));           /* menu.c */
int import_command(struct conf *c, int argc, char **argv);      /* import.c */
int export_command(struct conf *c, int argc, char **argv);      /* import.c */
int key_command(struct conf *c, int argc, char **argv);         /* key.c */
int status_command(struct conf *c, int argc, char **argv);      /* status.c */

#endif
