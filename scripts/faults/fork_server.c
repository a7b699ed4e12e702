/*
 * Preloaded into a program (LD_PRELOAD), has it wait before main() for command lines, and fork for
 * each: as fuzzers do, because loading LibTorch takes most of the time of a short run.
 *
 * A request on the socket named by COMQ_FORK_SERVER is its length, then words that end in NUL:
 * working directory, file for the standard output, file for the standard error, arguments. The
 * answers are the child's process id, then its wait status and its peak of resident memory in kB.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*Main)(int, char**, char**);
typedef int (*Start)(Main, int, char**, void (*)(void), void (*)(void), void (*)(void), void*);

static Main program;

static void receive(int server, void* bytes, size_t count) {
    if (recv(server, bytes, count, MSG_WAITALL) != (ssize_t)count) _exit(0);
}

static void answer(int server, int64_t first, int64_t second) {
    const int64_t numbers[2] = {first, second};
    if (send(server, numbers, sizeof numbers, MSG_NOSIGNAL) != (ssize_t)sizeof numbers) _exit(0);
}

static void open_as(int descriptor, const char* file, int flags) {
    const int opened = open(file, flags, 0666);
    if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
    close(opened);
}

static int serve(int argc, char** argv, char** environment) {
    (void)argc;
    const int server = atoi(getenv("COMQ_FORK_SERVER"));
    unsetenv("COMQ_FORK_SERVER");
    unsetenv("LD_PRELOAD");
    for (;;) {
        uint32_t length = 0;
        receive(server, &length, sizeof length);
        char* text = malloc(length);
        char** words = malloc((length + 2) * sizeof *words);
        receive(server, text, length);
        int count = 0;
        for (char* word = text; word < text + length; word += strlen(word) + 1) {
            words[count++] = word;
        }
        words[count] = NULL;
        const pid_t child = fork();
        if (child == 0) {
            close(server);
            open_as(STDIN_FILENO, "/dev/null", O_RDONLY);
            open_as(STDOUT_FILENO, words[1], O_WRONLY | O_CREAT | O_TRUNC);
            open_as(STDERR_FILENO, words[2], O_WRONLY | O_CREAT | O_TRUNC);
            if (chdir(words[0]) != 0) _exit(126);
            words[2] = argv[0];
            return program(count - 2, words + 2, environment);
        }
        answer(server, child, 0);
        int status = 0;
        struct rusage usage;
        wait4(child, &status, 0, &usage);
        answer(server, status, usage.ru_maxrss);
        free(words);
        free(text);
    }
}

int __libc_start_main(Main main, int argc, char** argv, void (*init)(void), void (*fini)(void),
                      void (*at_end)(void), void* stack_end) {
    const Start start = (Start)dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    return start(getenv("COMQ_FORK_SERVER") != NULL ? serve : main, argc, argv, init, fini, at_end,
                 stack_end);
}
