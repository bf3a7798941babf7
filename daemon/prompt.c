#include "daemon/prompt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/secret.h"

/* From here on SIGINT and the like are read from prompt->signals, so that nobody is stopped in the
 * midst of something, nor leaves the terminal without echo. */
int prompt_open(struct prompt *ret)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	ret->size = 0;
	ret->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ret->signals < 0)
		return -errno;
	/* Ctrl-Z only waits. */
	(void)sigaddset(&signals, SIGTSTP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	return 0;
}

/* Wipes what was read. */
void prompt_close(struct prompt *prompt)
{
	explicit_bzero(prompt->text, sizeof(prompt->text));
	closep(&prompt->signals);
	prompt->signals = -1;
}

/* Without spaces around it; what follows the line stays for the next one. */
static int take_line(struct prompt *prompt, char *end, char **ret)
{
	size_t begin = 0, size = (size_t)(end - prompt->text), all = size + 1;
	int r;

	while (begin < size && strchr(" \t\r", prompt->text[begin]))
		begin++;
	while (size > begin && strchr(" \t\r", prompt->text[size - 1]))
		size--;
	r = secret_new(ret, prompt->text + begin, size - begin);
	memmove(prompt->text, prompt->text + all, prompt->size - all);
	prompt->size -= all;
	return r;
}

static int read_more(struct prompt *prompt)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = prompt->signals, .events = POLLIN},
	};
	ssize_t n;

	while (poll(fds, ELEMENTS(fds), -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (fds[1].revents)
		return -ECANCELED;
	n = read(STDIN_FILENO, prompt->text + prompt->size, sizeof(prompt->text) - prompt->size);
	if (n < 0)
		return -errno;
	prompt->size += (size_t)n;
	return n == 0 ? -ENODATA : 0;
}

/* Reads a line; the caller frees it by secret_free(). -ENODATA: there is none; -ECANCELED: Ctrl-C, or
 * another signal that is to end us; -EMSGSIZE. */
int prompt_line(struct prompt *prompt, char **ret)
{
	char *end;
	int r;

	if (isatty(STDIN_FILENO)) {
		(void)fputs("> ", stdout);
		(void)fflush(stdout);
	}
	while (!(end = memchr(prompt->text, '\n', prompt->size))) {
		if (prompt->size == sizeof(prompt->text))
			return -EMSGSIZE;
		r = read_more(prompt);
		if (r < 0)
			return r;
	}
	return take_line(prompt, end, ret);
}

/* The same, and a terminal does not show it. */
int prompt_secret(struct prompt *prompt, char **ret)
{
	struct termios before, hidden;
	int r;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return prompt_line(prompt, ret);
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &hidden) < 0)
		return -errno;
	r = prompt_line(prompt, ret);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	(void)printf("\n");
	return r;
}
