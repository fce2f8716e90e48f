# SPDX-License-Identifier: MIT
"""A stand-in for both providers: authorization servers and APIs on one loopback port.

What it insists on, as the real ones do: S256 of the verifier, the redirect URI of the authorize
URL byte for byte, codes and refresh tokens that are good once, JSON for the exchange of one and
forms for the other. A refresh token that comes a second time ends its grant, and is written down
in `reused`: a test that burns a login must fail.

Paths: /claude/authorize, /claude/token, /v1/..., /api/oauth/... (Anthropic); /oauth/...,
/api/accounts/deviceauth/..., /backend-api/... (ChatGPT). Nothing of it ever leaves 127.0.0.1.
"""
import base64
import collections
import hashlib
import http.server
import json
import secrets
import threading
import time
import urllib.parse

CLAUDE_ID = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
CHATGPT_ID = "app_EMoamEEZ73f0CkXaXp7hrann"
ACCOUNT = "acct-invented-1"
HTML = b"<!doctype html><title>Just a moment...</title><p>Checking your browser"
YEAR = 31536000


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Grant:
    """One sign-in: a chain of tokens of which only the last refresh token is good."""

    def __init__(self, kind, long_term=False):
        self.kind, self.long_term = kind, long_term
        self.access, self.refresh = None, None
        self.alive = True
        self.turns = 0


class Mock:
    def __init__(self):
        self.lock = threading.RLock()
        self.codes = {}            # code -> what it stands for
        self.access = {}           # access token -> (grant, end)
        self.refresh = {}          # every refresh token that was ever given -> grant
        self.devices = {}          # device_auth_id -> {user_code, approved}
        self.secrets = set()       # must never be seen in any output or URL
        self.targets = []          # request lines, for the same search
        self.requests = collections.deque(maxlen=5000)   # (path, headers, body)
        self.reused = []
        self.revoked = []
        self.refreshes = 0
        self.exchanges = 0
        self.expires_in = 28800
        self.slow = 0              # seconds that a token request takes
        self.device_interval = "1"
        self.device_off = False
        self.script = []           # of the next token requests: names of answers below
        self.api_script = []       # of the next API requests: status numbers
        self.claims = True         # account id in the tokens
        self.setup = "long"        # "short": an 8-hour token; "refuse"
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.mock = self
        self.port = self.server.server_address[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # ---- what a browser would do ----

    def authorize(self, url):
        """Sign in at an authorize URL: (code, state, redirect_uri)."""
        parts = urllib.parse.urlsplit(url)
        q = {k: v[0] for k, v in urllib.parse.parse_qs(parts.query, strict_parsing=True).items()}
        kind = {"/claude/authorize": "claude", "/oauth/authorize": "chatgpt"}[parts.path]
        assert q["response_type"] == "code" and q["code_challenge_method"] == "S256", q
        assert q["client_id"] == (CLAUDE_ID if kind == "claude" else CHATGPT_ID), q
        assert len(q["state"]) >= 32 and len(q["code_challenge"]) == 43, q
        if kind == "chatgpt":
            assert urllib.parse.urlsplit(q["redirect_uri"]).path == "/auth/callback", q
            assert q["codex_cli_simplified_flow"] == "true", q
        code = "code_" + secrets.token_urlsafe(24)
        with self.lock:
            self.codes[code] = dict(q, kind=kind, used=False)
            self.secrets.add(code)
        return code, q["state"], q["redirect_uri"]

    def approve(self, user_code):
        with self.lock:
            for d in self.devices.values():
                if d["user_code"] == user_code:
                    d["approved"] = True
                    return
        raise AssertionError("no such device code: " + user_code)

    # ---- tokens ----

    def jwt(self, life):
        body = {"exp": int(time.time()) + life, "email": "kim@example.org", "jti":
                secrets.token_urlsafe(12)}
        if self.claims:
            body["https://api.openai.com/auth"] = {
                "chatgpt_account_id": ACCOUNT, "chatgpt_plan_type": "plus"}
        return ".".join((b64url(b'{"alg":"none"}'), b64url(json.dumps(body).encode()),
                         b64url(secrets.token_bytes(24))))

    def turn(self, grant, life):
        """The next tokens of a grant, as the token endpoint answers."""
        grant.turns += 1
        if grant.kind == "claude":
            grant.access = "sk-ant-oat01-" + secrets.token_urlsafe(40)
        else:
            grant.access = self.jwt(life)
        answer = {"token_type": "Bearer", "access_token": grant.access, "expires_in": life}
        if not grant.long_term:
            grant.refresh = ("sk-ant-ort01-" if grant.kind == "claude" else "rt_") + \
                secrets.token_urlsafe(40)
            answer["refresh_token"] = grant.refresh
            self.refresh[grant.refresh] = grant
            self.secrets.add(grant.refresh)
        if grant.kind == "claude":
            answer["account"] = {"uuid": "u-1", "email_address": "ana@example.org"}
            answer["organization"] = {"uuid": "o-1", "name": "Ana's Organization"}
            if not grant.long_term:
                answer["refresh_token_expires_in"] = 2592000
        else:
            answer["id_token"] = self.jwt(life)
            self.secrets.add(answer["id_token"])
        self.secrets.add(grant.access)
        self.access[grant.access] = (grant, time.time() + life)
        return answer

    def exchange(self, kind, body):
        self.exchanges += 1
        c = self.codes.get(body.get("code"))
        verifier = body.get("code_verifier", "")
        self.secrets.add(verifier or "no verifier came")
        if c is None or c["kind"] != kind or c["used"]:
            return 400, {"error": "invalid_grant", "error_description": "Code is not valid"}
        c["used"] = True
        if b64url(hashlib.sha256(verifier.encode()).digest()) != c["code_challenge"]:
            return 400, {"error": "invalid_grant", "error_description": "Bad verifier"}
        if body.get("redirect_uri") != c["redirect_uri"] or \
                body.get("client_id") != c["client_id"]:
            return 400, {"error": "invalid_grant", "error_description": "Bad redirect_uri"}
        if kind == "claude" and body.get("state") != c["state"]:
            return 400, {"type": "error", "error": {"type": "invalid_request_error",
                                                    "message": "Invalid request format"}}
        long_term = "expires_in" in body
        if long_term and (self.setup == "refuse" or body["expires_in"] != YEAR or
                          "org:create_api_key" in c["scope"]):
            return 400, {"error": "invalid_request",
                         "error_description": "Custom expires_in is not allowed for this scope"}
        grant = Grant(kind, long_term and self.setup == "long")
        return 200, self.turn(grant, YEAR if grant.long_term else self.expires_in)

    def renew(self, kind, body):
        self.refreshes += 1
        token = body.get("refresh_token", "")
        grant = self.refresh.get(token)
        if grant is None or grant.kind != kind or not grant.alive:
            return 400, {"error": "invalid_grant",
                         "error_description": "Refresh token not found or invalid"}
        if grant.refresh != token:
            grant.alive = False
            self.reused.append(kind)
            self.access.pop(grant.access, None)
            return 401, {"error": {"code": "refresh_token_reused",
                                   "message": "Your refresh token has already been used"}}
        self.access.pop(grant.access, None)
        return 200, self.turn(grant, self.expires_in)

    def expire(self):
        """End every access token now (as seen by the API)."""
        with self.lock:
            self.access.clear()

    def valid(self, header):
        token = (header or "").partition("Bearer ")[2]
        with self.lock:
            entry = self.access.get(token)
        return entry is not None and entry[1] > time.time() and entry[0].alive


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass    # a peer that leaves


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    @property
    def mock(self):
        return self.server.mock

    def answer(self, status, body, kind="application/json", **fields):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for k, v in fields.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def note(self, body):
        m = self.mock
        with m.lock:
            m.targets.append(self.path)
            m.requests.append((self.path, dict(self.headers), body))
        return urllib.parse.urlsplit(self.path).path

    # ---- scripted trouble ----

    def trouble(self):
        """True: the next scripted answer was given."""
        m = self.mock
        with m.lock:
            name = m.script.pop(0) if m.script else None
        if name is None:
            return False
        if name == "challenge":
            self.answer(403, HTML, "text/html", cf_mitigated="challenge")
        elif name == "html":
            self.answer(200, HTML, "text/html")
        elif name == "redirect":
            self.answer(302, b"", "text/plain", Location=m.url + "/elsewhere")
        elif name == "busy":
            self.answer(429, {"type": "error", "error": {
                "type": "rate_limit_error", "message": "Too many attempts"}}, Retry_After="7")
        elif name == "broken":
            self.answer(503, b"upstream connect error", "text/plain")
        elif name == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b'{"access_token":"')
            self.close_connection = True
        elif name == "drop":
            self.close_connection = True
            self.connection.close()
        elif name == "array":
            self.answer(200, b"[]")
        elif name == "empty":
            self.answer(200, {"token_type": "Bearer"})
        else:
            raise AssertionError(name)
        return True

    # ---- routes ----

    def do_POST(self):
        raw = self.body()
        path = self.note(raw)
        if path == "/claude/token":
            self.token("claude", raw)
        elif path == "/oauth/token":
            self.token("chatgpt", raw)
        elif path == "/oauth/revoke":
            self.revoke(json.loads(raw))
        elif path.startswith("/api/accounts/deviceauth/"):
            self.device(path.rsplit("/", 1)[1], json.loads(raw))
        elif path in ("/v1/messages", "/backend-api/codex/responses"):
            self.api(path)
        else:
            self.answer(404, {"error": {"message": "no such path: " + path}})

    def do_GET(self):
        path = self.note(b"")
        if path in ("/v1/models", "/backend-api/codex/models", "/api/oauth/profile",
                    "/api/oauth/usage", "/backend-api/wham/usage"):
            self.api(path)
        else:
            self.answer(404, {"error": {"message": "no such path: " + path}})

    def token(self, kind, raw):
        m = self.mock
        if self.trouble():
            return
        if m.slow:
            time.sleep(m.slow)
        if self.headers.get("Content-Type", "").startswith("application/json"):
            body = json.loads(raw)
        else:
            body = dict(urllib.parse.parse_qsl(raw.decode()))
        with m.lock:
            if body.get("grant_type") == "authorization_code":
                status, answer = m.exchange(kind, body)
            elif body.get("grant_type") == "refresh_token":
                status, answer = m.renew(kind, body)
            else:
                status, answer = 400, {"error": "unsupported_grant_type"}
        self.answer(status, answer)

    def revoke(self, body):
        m = self.mock
        with m.lock:
            grant = m.refresh.get(body.get("token"))
            if grant is not None:
                grant.alive = False
            m.revoked.append(body.get("token"))
        self.answer(200, {})

    def device(self, step, body):
        m = self.mock
        if step == "usercode":
            if m.device_off:
                self.answer(404, {"error": {"message": "not enabled"}})
                return
            ident = "dauth_" + secrets.token_urlsafe(8)
            code = "ABCD-%05d" % secrets.randbelow(100000)
            with m.lock:
                m.devices[ident] = {"user_code": code, "approved": False}
            self.answer(200, {"device_auth_id": ident, "user_code": code,
                              "interval": m.device_interval})
            return
        with m.lock:
            d = m.devices.get(body.get("device_auth_id"))
            if d is None or d["user_code"] != body.get("user_code"):
                self.answer(400, {"error": {"code": "invalid_device"}})
                return
            if not d["approved"]:
                self.answer(403, {"error": {"code": "deviceauth_authorization_pending"}})
                return
            verifier = secrets.token_urlsafe(48)
            challenge = b64url(hashlib.sha256(verifier.encode()).digest())
            code = "ac_" + secrets.token_urlsafe(24)
            m.secrets.update((verifier, code))
            m.codes[code] = {"kind": "chatgpt", "used": False, "code_challenge": challenge,
                             "redirect_uri": m.url + "/deviceauth/callback",
                             "client_id": CHATGPT_ID, "state": "", "scope": ""}
        self.answer(200, {"authorization_code": code, "code_challenge": challenge,
                          "code_verifier": verifier})

    def api(self, path):
        m = self.mock
        with m.lock:
            status = m.api_script.pop(0) if m.api_script else None
        if status is not None:
            self.answer(status, {"type": "error", "error": {
                "type": "permission_error", "message": "This plan is not allowed here"}})
        elif not m.valid(self.headers.get("Authorization")):
            self.answer(401, {"type": "error", "error": {
                "type": "authentication_error", "message": "OAuth token has expired"}})
        elif path == "/v1/models":
            self.answer(200, {"data": [{"type": "model", "id": "claude-haiku-5-5",
                                        "display_name": "Haiku"}], "has_more": False})
        elif path == "/backend-api/codex/models":
            self.answer(200, {"models": [{"slug": "gpt-5.2"}]})
        elif path == "/api/oauth/profile":
            self.answer(200, {"account": {"uuid": "u-1", "email": "ana@example.org",
                                          "has_claude_max": True},
                              "organization": {"name": "Ana's Organization",
                                               "organization_type": "claude_max"}})
        elif path == "/v1/messages":
            self.answer(200, {"id": "msg_1", "type": "message", "role": "assistant",
                              "model": "claude-haiku-5-5", "stop_reason": "end_turn",
                              "content": [{"type": "text", "text": "ok"}],
                              "usage": {"input_tokens": 1, "output_tokens": 1}})
        elif path == "/backend-api/codex/responses":
            self.answer(200, SSE, "text/event-stream")
        else:
            self.answer(200, {})


def sse():
    answer = {"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5.2",
              "output": [{"type": "message", "id": "m1", "role": "assistant",
                          "status": "completed", "content": [
                              {"type": "output_text", "text": "ok", "annotations": []}]}],
              "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}
    events = [
        {"type": "response.created", "response": dict(answer, status="in_progress", output=[])},
        {"type": "response.output_item.added", "output_index": 0,
         "item": {"type": "message", "id": "m1", "role": "assistant", "content": []}},
        {"type": "response.output_text.delta", "item_id": "m1", "output_index": 0,
         "content_index": 0, "delta": "ok"},
        {"type": "response.output_item.done", "output_index": 0, "item": answer["output"][0]},
        {"type": "response.completed", "response": answer},
    ]
    return "".join("event: %s\ndata: %s\n\n" % (e["type"], json.dumps(dict(e, sequence_number=i)))
                   for i, e in enumerate(events)).encode()


SSE = sse()
