/* Preloaded into User-Mode-Linux so that it starts on processors whose XSAVE area is larger than the fixed
 * 2696 bytes that its 6.1 kernel sets aside (with AMX it is 11008 bytes).
 *
 * PTRACE_SETREGSET with NT_X86_XSTATE wants the whole area and fails with EFAULT otherwise, upon which UML kills
 * its init. Here a whole area is moved each time: what UML knows of comes from UML, the rest stays as the host's
 * kernel has it. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define XSTATE_SET 0x202
/* Offset of XSTATE_BV, which says which components are in use, and the components that UML knows. */
#define XSTATE_BV 512
#define KNOWN 0x2ffUL

static unsigned char area[65536] __attribute__((aligned(64)));

static long host(long request, long pid, void *address, void *data)
{
	return syscall(SYS_ptrace, request, pid, address, data);
}

static long move_area(int request, long pid, struct iovec *uml)
{
	struct iovec whole = { area, sizeof area };
	unsigned long kept, wanted;
	size_t length;
	long result = host(PTRACE_GETREGSET, pid, (void *)XSTATE_SET, &whole);

	if (result < 0)
		return result;
	length = uml->iov_len < whole.iov_len ? uml->iov_len : whole.iov_len;
	if (request == PTRACE_GETREGSET) {
		memcpy(uml->iov_base, area, length);
		uml->iov_len = length;
		return result;
	}
	memcpy(&kept, area + XSTATE_BV, sizeof kept);
	memcpy(area, uml->iov_base, length);
	memcpy(&wanted, area + XSTATE_BV, sizeof wanted);
	wanted = (wanted & KNOWN) | (kept & ~KNOWN);
	memcpy(area + XSTATE_BV, &wanted, sizeof wanted);
	return host(PTRACE_SETREGSET, pid, (void *)XSTATE_SET, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	long pid;
	void *address, *data;

	va_start(arguments, request);
	pid = va_arg(arguments, int);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if ((request == PTRACE_GETREGSET || request == PTRACE_SETREGSET) && (unsigned long)address == XSTATE_SET)
		return move_area(request, pid, data);
	if (request == PTRACE_PEEKUSER || request == PTRACE_PEEKDATA || request == PTRACE_PEEKTEXT) {
		/* The system call writes the word, the function of this name returns it. */
		long word, result = host(request, pid, address, &word);

		if (result < 0)
			return result;
		errno = 0;
		return word;
	}
	return host(request, pid, address, data);
}
