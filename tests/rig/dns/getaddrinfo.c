/*
 * What getaddrinfo(3) of the C library finds: one address a line; or "error", its number and its name, on one line.
 *
 *     getaddrinfo NAME [any|inet|inet6]
 *
 * Built statically with musl it needs nothing of the container that it runs in.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int family(const char *word)
{
    return strcmp(word, "inet") == 0 ? AF_INET : strcmp(word, "inet6") == 0 ? AF_INET6 : AF_UNSPEC;
}

int main(int count, char **words)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found, *one;
    char text[INET6_ADDRSTRLEN];
    int status;

    if (count < 2)
        return 2;
    hints.ai_family = count > 2 ? family(words[2]) : AF_UNSPEC;
    status = getaddrinfo(words[1], "80", &hints, &found);
    if (status != 0) {
        printf("error %d %s\n", status, gai_strerror(status));
        return 1;
    }
    for (one = found; one; one = one->ai_next) {
        const void *address = one->ai_family == AF_INET6
            ? (const void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr
            : (const void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr;
        puts(inet_ntop(one->ai_family, address, text, sizeof text));
    }
    freeaddrinfo(found);
    return 0;
}
