/* The interfaces of this machine as a C library tells of them: by netlink and by ioctl, which have
 * to agree. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void *address_of(struct sockaddr *a)
{
    return a->sa_family == AF_INET ? (void *)&((struct sockaddr_in *)a)->sin_addr
                                   : (void *)&((struct sockaddr_in6 *)a)->sin6_addr;
}

static void show(const struct ifaddrs *i, int s)
{
    char text[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN];
    struct ifreq r = {0};
    const int family = i->ifa_addr->sa_family;

    inet_ntop(family, address_of(i->ifa_addr), text, sizeof text);
    inet_ntop(family, address_of(i->ifa_netmask), mask, sizeof mask);
    printf("%s %s %s %#x\n", i->ifa_name, text, mask, i->ifa_flags & 0xffff);
    if (family != AF_INET)
        return;
    strncpy(r.ifr_name, i->ifa_name, sizeof r.ifr_name - 1);
    if (ioctl(s, SIOCGIFADDR, &r) || memcmp(&r.ifr_addr, i->ifa_addr, sizeof r.ifr_addr))
        printf("ioctl has another address\n");
    if (ioctl(s, SIOCGIFFLAGS, &r) || (r.ifr_flags & 0xffff) != (int)(i->ifa_flags & 0xffff))
        printf("ioctl has other flags\n");
}

int main(void)
{
    struct ifaddrs *all;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    char name[IF_NAMESIZE] = "";

    if (getifaddrs(&all))
        return 1;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr &&
            (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6))
            show(i, s);
    freeifaddrs(all);
    struct if_nameindex *names = if_nameindex();
    for (const struct if_nameindex *n = names; n && n->if_index; n++)
        printf("%u is %s, which is %u, which is %s\n", n->if_index, n->if_name,
               if_nametoindex(n->if_name), if_indextoname(n->if_index, name));
    if_freenameindex(names);
    printf("none is %u\n", if_nametoindex("none"));
    close(s);
    return 0;
}
