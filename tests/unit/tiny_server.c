#include "tests/unit/tiny_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define REQUEST_MAX 2000000

struct tiny_line {
	TAILQ_ENTRY(tiny_line) list;
	struct tiny_server *server;
	int fd;
	sd_event_source *io;
	gnutls_session_t tls;
	bool shaken;
	bool bites;
	bool counted; /* among the bodies */
	char text[REQUEST_MAX];
	size_t size;
};

struct tiny_server {
	sd_event *event;
	sd_event_source *io;
	int fd;
	bool mute;
	char url[64];
	char ca[64];
	gnutls_certificate_credentials_t credentials;
	tiny_request_t request;
	void *userdata;
	TAILQ_HEAD(, tiny_line) lines;
	unsigned n_lines, n_live, n_requests, n_bodies;
};

static void line_free(struct tiny_line *line)
{
	struct tiny_server *server = line->server;

	TAILQ_REMOVE(&server->lines, line, list);
	server->n_live--;
	sd_event_source_disable_unref(line->io);
	if (line->tls)
		gnutls_deinit(line->tls);
	close(line->fd);
	free(line);
}

void tiny_close(struct tiny_line *line)
{
	if (line->tls && line->shaken)
		(void)gnutls_bye(line->tls, GNUTLS_SHUT_WR);
	line_free(line);
}

void tiny_close_notify(struct tiny_line *line)
{
	(void)gnutls_bye(line->tls, GNUTLS_SHUT_WR);
}

void tiny_bite(struct tiny_line *line)
{
	line->bites = true;
}

void tiny_write(struct tiny_line *line, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = line->tls ? gnutls_record_send(line->tls, text, size)
		                      : send(line->fd, text, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		size -= (size_t)n;
	}
}

void tiny_answer(struct tiny_line *line, int status, const char *headers, const char *body)
{
	char *text;
	int n = asprintf(&text,
		"HTTP/1.1 %d Told\r\nContent-Length: %zu\r\nContent-Type: application/json\r\n"
		"%s\r\n%s",
		status, strlen(body), headers, body);

	if (n < 0)
		abort();
	tiny_write(line, text, (size_t)n);
	free(text);
}

/* True if line is still there. */
static bool line_work(struct tiny_line *line)
{
	struct tiny_server *server = line->server;
	char *end, *length;
	size_t body;

	for (;;) {
		line->text[line->size] = '\0';
		end = strstr(line->text, "\r\n\r\n");
		if (!end)
			return true;
		end += 4;
		length = strcasestr(line->text, "\r\nContent-Length:");
		body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
		if (*end && !line->counted) {
			server->n_bodies++;
			line->counted = true;
		}
		if (line->size < (size_t)(end - line->text) + body)
			return true;
		if (line->bites) {
			tiny_close(line);
			return false;
		}
		server->n_requests++;
		line->counted = false;
		/* One request at a time, as clients without pipelining send them. */
		line->size = 0;
		end[-2] = '\0';
		server->request(line, server->n_requests, line->text, end, server->userdata);
		return false;
	}
}

static int on_line(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct tiny_line *line = userdata;
	ssize_t n;

	if (line->server->mute)
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (line->tls && !line->shaken) {
		int r = gnutls_handshake(line->tls);

		if (r == 0)
			line->shaken = true;
		else if (gnutls_error_is_fatal(r))
			line_free(line);
		return 0;
	}
	do {
		size_t room = REQUEST_MAX - 1 - line->size;

		n = line->tls ? gnutls_record_recv(line->tls, line->text + line->size, room)
		              : recv(fd, line->text + line->size, room, MSG_DONTWAIT);
		if (n <= 0)
			break;
		line->size += (size_t)n;
		if (!line_work(line))
			return 0;
	} while (line->tls && gnutls_record_check_pending(line->tls) > 0);
	if (n == GNUTLS_E_AGAIN || (n < 0 && !line->tls && errno == EAGAIN))
		return 0;
	if (n <= 0)
		line_free(line);
	return 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct tiny_server *server = userdata;
	struct tiny_line *line;
	/* Over TLS reads must not block the loop; what is written is small. */
	int on = 1, client = accept4(fd, NULL, NULL,
			    SOCK_CLOEXEC | (server->credentials ? SOCK_NONBLOCK : 0));

	if (client < 0)
		return 0;
	line = calloc(1, sizeof(*line));
	if (!line)
		abort();
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	line->server = server;
	line->fd = client;
	TAILQ_INSERT_TAIL(&server->lines, line, list);
	server->n_lines++;
	server->n_live++;
	if (server->credentials) {
		gnutls_init(&line->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
		gnutls_set_default_priority(line->tls);
		gnutls_credentials_set(line->tls, GNUTLS_CRD_CERTIFICATE, server->credentials);
		gnutls_transport_set_int(line->tls, client);
	}
	return sd_event_add_io(server->event, &line->io, client, EPOLLIN, on_line, line);
}

static void certify(struct tiny_server *server)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	int fd;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(
		key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\1", 1);
	gnutls_x509_crt_set_dn(crt, "CN=tiny", NULL);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400);
	gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
	/* Not for the name localhost, which tests take for a wrong one. */
	gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, "\x7f\x00\x00\x01", 4, 0);
	gnutls_x509_crt_set_key(crt, key);
	gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	snprintf(server->ca, sizeof(server->ca), "/tmp/tiny-ca-XXXXXX");
	fd = mkstemp(server->ca);
	if (fd < 0 || write(fd, pem.data, pem.size) != (ssize_t)pem.size)
		abort();
	close(fd);
	gnutls_free(pem.data);
	gnutls_certificate_allocate_credentials(&server->credentials);
	if (gnutls_certificate_set_x509_key(server->credentials, &crt, 1, key) < 0)
		abort();
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

int tiny_server_new(
	struct tiny_server **ret, sd_event *event, bool tls, tiny_request_t request, void *userdata)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	struct tiny_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	TAILQ_INIT(&server->lines);
	server->event = sd_event_ref(event);
	server->request = request;
	server->userdata = userdata;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(server->fd, (struct sockaddr *)&address, size) < 0 ||
		listen(server->fd, 128) < 0 ||
		getsockname(server->fd, (struct sockaddr *)&address, &size) < 0)
		abort();
	snprintf(server->url, sizeof(server->url), "%s://127.0.0.1:%u", tls ? "https" : "http",
		ntohs(address.sin_port));
	if (tls)
		certify(server);
	r = sd_event_add_io(event, &server->io, server->fd, EPOLLIN, on_accept, server);
	if (r < 0)
		return r;
	*ret = server;
	return 0;
}

struct tiny_server *tiny_server_free(struct tiny_server *server)
{
	if (!server)
		return NULL;
	while (!TAILQ_EMPTY(&server->lines))
		line_free(TAILQ_FIRST(&server->lines));
	if (server->credentials) {
		gnutls_certificate_free_credentials(server->credentials);
		unlink(server->ca);
	}
	tiny_server_leave(server);
	sd_event_unref(server->event);
	free(server);
	return NULL;
}

const char *tiny_server_url(const struct tiny_server *server)
{
	return server->url;
}

const char *tiny_server_ca(const struct tiny_server *server)
{
	return server->credentials ? server->ca : NULL;
}

unsigned tiny_server_lines(const struct tiny_server *server)
{
	return server->n_lines;
}

unsigned tiny_server_live(const struct tiny_server *server)
{
	return server->n_live;
}

unsigned tiny_server_requests(const struct tiny_server *server)
{
	return server->n_requests;
}

unsigned tiny_server_bodies(const struct tiny_server *server)
{
	return server->n_bodies;
}

void tiny_server_mute(struct tiny_server *server, bool mute)
{
	struct tiny_line *line;

	server->mute = mute;
	if (!mute)
		TAILQ_FOREACH (line, &server->lines, list)
			sd_event_source_set_enabled(line->io, SD_EVENT_ON);
}

void tiny_server_leave(struct tiny_server *server)
{
	server->io = sd_event_source_disable_unref(server->io);
	if (server->fd >= 0)
		close(server->fd);
	server->fd = -1;
}

void tiny_server_close_all(struct tiny_server *server)
{
	while (!TAILQ_EMPTY(&server->lines))
		tiny_close(TAILQ_FIRST(&server->lines));
}

int tiny_line_fd(const struct tiny_line *line)
{
	return line->fd;
}

struct tiny_line *tiny_server_line(struct tiny_server *server, unsigned i)
{
	struct tiny_line *line;

	TAILQ_FOREACH (line, &server->lines, list)
		if (i-- == 0)
			return line;
	return NULL;
}
