#include "net.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

unsigned if_nametoindex(const char *name);

/* One request after the other; each is answered by the kernel before the next. */
struct request {
  struct nlmsghdr header;
  union {
    struct ifinfomsg link;
    struct ifaddrmsg address;
    struct rtmsg route;
    uint8_t space[256];
  };
};

static void begin(struct request *request, uint16_t type, uint16_t flags, size_t body) {
  memset(request, 0, sizeof *request);
  request->header.nlmsg_type = type;
  request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
  request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
}

static void attribute(struct request *request, uint16_t type, const void *data, size_t len) {
  struct rtattr *attribute = (struct rtattr *)(void *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (uint16_t)RTA_LENGTH(len);
  memcpy(RTA_DATA(attribute), data, len);
  request->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

static int send_request(int fd, struct request *request) {
  struct { struct nlmsghdr header; struct nlmsgerr error; uint8_t rest[512]; } answer;
  if (RETRY(send(fd, request, request->header.nlmsg_len, 0)) < 0) return errno;
  ssize_t got = RETRY(recv(fd, &answer, sizeof answer, 0));
  if (got < (ssize_t)(sizeof answer.header + sizeof(int))) return EIO;
  return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : 0;
}

static int open_netlink(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }

static int set_link(int fd, unsigned index, bool up, const uint8_t *mac, uint32_t mtu) {
  struct request request;
  begin(&request, RTM_NEWLINK, 0, sizeof request.link);
  request.link.ifi_index = (int)index;
  request.link.ifi_change = IFF_UP;
  request.link.ifi_flags = up ? IFF_UP : 0;
  if (mac) attribute(&request, IFLA_ADDRESS, mac, 6);
  if (mtu) attribute(&request, IFLA_MTU, &mtu, sizeof mtu);
  return send_request(fd, &request);
}

struct address {
  int family;
  size_t len;
  uint8_t bytes[16];
  uint8_t prefix;
};

/* "172.17.0.2/16" or "fd00::2"; without a prefix it is the whole address. */
static bool parse_address(const char *text, struct address *address) {
  char host[64];
  const char *slash = strchr(text, '/');
  size_t len = slash ? (size_t)(slash - text) : strlen(text);
  if (len >= sizeof host) return false;
  memcpy(host, text, len);
  host[len] = 0;
  address->family = strchr(host, ':') ? AF_INET6 : AF_INET;
  address->len = address->family == AF_INET6 ? 16 : 4;
  int prefix = slash ? atoi(slash + 1) : (int)address->len * 8;
  if (prefix < 0 || prefix > (int)address->len * 8) return false;
  address->prefix = (uint8_t)prefix;
  return inet_pton(address->family, host, address->bytes) == 1;
}

static int add_address(int fd, unsigned index, const struct address *address) {
  struct request request;
  uint32_t flags = IFA_F_NODAD | IFA_F_PERMANENT;
  begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof request.address);
  request.address.ifa_family = (uint8_t)address->family;
  request.address.ifa_prefixlen = address->prefix;
  request.address.ifa_index = index;
  attribute(&request, IFA_LOCAL, address->bytes, address->len);
  attribute(&request, IFA_ADDRESS, address->bytes, address->len);
  attribute(&request, IFA_FLAGS, &flags, sizeof flags);
  if (address->family == AF_INET && address->prefix < 31) {
    uint32_t broadcast;
    memcpy(&broadcast, address->bytes, 4);
    broadcast |= htonl(address->prefix ? UINT32_MAX >> address->prefix : UINT32_MAX);
    attribute(&request, IFA_BROADCAST, &broadcast, 4);
  }
  return send_request(fd, &request);
}

static int add_default_route(int fd, unsigned index, const struct address *gateway) {
  struct request request;
  begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof request.route);
  request.route.rtm_family = (uint8_t)gateway->family;
  request.route.rtm_table = RT_TABLE_MAIN;
  request.route.rtm_protocol = RTPROT_BOOT;
  request.route.rtm_scope = RT_SCOPE_UNIVERSE;
  request.route.rtm_type = RTN_UNICAST;
  /* The gateway may lie outside of the pod's own prefix (a /32, say). */
  request.route.rtm_flags = RTNH_F_ONLINK;
  attribute(&request, RTA_GATEWAY, gateway->bytes, gateway->len);
  attribute(&request, RTA_OIF, &index, sizeof index);
  return send_request(fd, &request);
}

bool net_loopback(struct fault *fault) {
  AUTO_CLOSE int fd = open_netlink();
  int err = fd < 0 ? errno : set_link(fd, if_nametoindex("lo"), true, NULL, 0);
  return err == 0 || fail_errno(fault, err, "bringing lo up");
}

#define ADDRESSES_MAX 16

/* `network` of the protocol, read. */
struct wanted {
  unsigned index;
  const char *interface, *mac;
  int mtu;
  struct address addresses[ADDRESSES_MAX], gateways[2];
  size_t count;
  bool has_gateway[2];
};

static bool read_network(const json_t *network, struct wanted *wanted, struct fault *fault) {
  const char *gateways[2] = {"", ""};
  json_t *addresses = NULL, *item;
  size_t i;
  memset(wanted, 0, sizeof *wanted);
  wanted->interface = "eth0";
  wanted->mac = "";
  if (json_unpack((json_t *)network, "{s?s, s?s, s?i, s?o, s?s, s?s}", "interface", &wanted->interface, "mac", &wanted->mac,
                  "mtu", &wanted->mtu, "addresses", &addresses, "gateway4", &gateways[0], "gateway6", &gateways[1]) != 0)
    return fail(fault, "invalid", "network: a value is of the wrong type");
  if (json_array_size(addresses) > ADDRESSES_MAX) return fail(fault, "invalid", "network: more than %d addresses", ADDRESSES_MAX);
  json_array_foreach(addresses, i, item) {
    const char *text = json_string_value(item);
    if (!text || !parse_address(text, &wanted->addresses[i])) return fail(fault, "invalid", "invalid address: %s", text ? text : "?");
    wanted->count++;
  }
  for (int family = 0; family < 2; family++) {
    if (!gateways[family][0]) continue;
    if (!parse_address(gateways[family], &wanted->gateways[family])) return fail(fault, "invalid", "invalid gateway: %s", gateways[family]);
    wanted->has_gateway[family] = true;
  }
  wanted->index = if_nametoindex(wanted->interface);
  return wanted->index > 0 || fail(fault, "not-found", "no network interface %s", wanted->interface);
}

static bool ipv6_is_off; /* on the interface that is there now */

/*
 * IPv6 only where the pod has an address of that kind, as Docker has it: else the interface would find itself one, and announce it.
 * A template's interface has it off already.
 */
static bool choose_ipv6(const struct wanted *wanted, struct fault *fault) {
  char path[128];
  bool off = !wanted->has_gateway[1];
  for (size_t i = 0; i < wanted->count; i++) off = off && wanted->addresses[i].family != AF_INET6;
  if (off == ipv6_is_off) return true;
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%.16s/disable_ipv6", wanted->interface);
  if (write_file(path, off ? "1" : "0") != 0 && errno != ENOENT) return fail_errno(fault, errno, "writing %s", path);
  ipv6_is_off = off;
  return true;
}

static bool add_all(int fd, const struct wanted *wanted, struct fault *fault) {
  int err;
  for (size_t i = 0; i < wanted->count; i++)
    if ((err = add_address(fd, wanted->index, &wanted->addresses[i])) != 0) return fail_errno(fault, err, "adding an address");
  for (int family = 0; family < 2; family++)
    if (wanted->has_gateway[family] && (err = add_default_route(fd, wanted->index, &wanted->gateways[family])) != 0)
      return fail_errno(fault, err, "adding the default route");
  return true;
}

bool net_setup(const json_t *network, struct fault *fault) {
  struct wanted wanted;
  if (!read_network(network, &wanted, fault)) return false;
  AUTO_CLOSE int fd = open_netlink();
  if (fd < 0) return fail_errno(fault, errno, "netlink");
  unsigned parts[6];
  uint8_t mac[6];
  bool has_mac = sscanf(wanted.mac, "%x:%x:%x:%x:%x:%x", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4], &parts[5]) == 6;
  if (wanted.mac[0] && !has_mac) return fail(fault, "invalid", "invalid MAC address: %s", wanted.mac);
  for (int part = 0; has_mac && part < 6; part++) mac[part] = (uint8_t)parts[part];
  if (!choose_ipv6(&wanted, fault)) return false;
  int err = set_link(fd, wanted.index, true, has_mac ? mac : NULL, (uint32_t)wanted.mtu);
  if (err) return fail_errno(fault, err, "bringing %s up", wanted.interface);
  return add_all(fd, &wanted, fault);
}

static bool is_one_of(const struct nlmsghdr *header, const struct wanted *wanted) {
  const struct ifaddrmsg *message = NLMSG_DATA(header);
  int left = (int)IFA_PAYLOAD(header);
  for (struct rtattr *at = IFA_RTA(message); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    if (at->rta_type != IFA_LOCAL && !(message->ifa_family == AF_INET6 && at->rta_type == IFA_ADDRESS)) continue;
    for (size_t i = 0; i < wanted->count; i++) {
      const struct address *address = &wanted->addresses[i];
      if (address->family == message->ifa_family && address->prefix == message->ifa_prefixlen &&
          RTA_PAYLOAD(at) == address->len && memcmp(RTA_DATA(at), address->bytes, address->len) == 0)
        return true;
    }
  }
  return false;
}

/* All of the interface but those that are wanted. */
static void flush_addresses(int fd, unsigned index, const struct wanted *wanted) {
  struct request request;
  uint8_t answer[8192];
  begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof request.address);
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) return;
  struct request removals[16];
  size_t count = 0;
  for (bool done = false; !done;) {
    ssize_t got = RETRY(recv(fd, answer, sizeof answer, 0));
    if (got <= 0) return;
    int left = (int)got;
    for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)answer; NLMSG_OK(header, (unsigned)left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type != RTM_NEWADDR) {
        done = true;
        break;
      }
      struct ifaddrmsg *message = NLMSG_DATA(header);
      if (message->ifa_index != index || count == 16 || header->nlmsg_len > sizeof request) continue;
      if (wanted && (message->ifa_family != AF_INET || is_one_of(header, wanted))) continue;
      memcpy(&removals[count], header, header->nlmsg_len);
      removals[count].header.nlmsg_type = RTM_DELADDR;
      removals[count++].header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    }
  }
  for (size_t i = 0; i < count; i++) send_request(fd, &removals[i]);
}

bool net_change(const json_t *network, struct fault *fault) {
  struct wanted wanted;
  if (!read_network(network, &wanted, fault)) return false;
  AUTO_CLOSE int fd = open_netlink();
  if (fd < 0) return fail_errno(fault, errno, "netlink");
  flush_addresses(fd, wanted.index, &wanted);
  if (!choose_ipv6(&wanted, fault)) return false;
  return add_all(fd, &wanted, fault);
}

void net_teardown(const char *interface) {
  unsigned index = if_nametoindex(interface);
  AUTO_CLOSE int fd = open_netlink();
  if (fd < 0 || index == 0) return;
  flush_addresses(fd, index, NULL);
  set_link(fd, index, false, NULL, 0);
}

#define DRIVER "/sys/bus/virtio/drivers/virtio_net"
static char hidden[64]; /* "virtio1" */

bool net_hide(struct fault *fault) {
  char link[256];
  ssize_t len = readlink("/sys/class/net/eth0/device", link, sizeof link - 1);
  if (len < 0) return errno == ENOENT || fail_errno(fault, errno, "looking for eth0");
  link[len] = 0;
  const char *slash = strrchr(link, '/');
  snprintf(hidden, sizeof hidden, "%.60s", slash ? slash + 1 : link);
  return write_file(DRIVER "/unbind", hidden) == 0 || fail_errno(fault, errno, "taking eth0 away");
}

void net_show(void) {
  if (!hidden[0] || write_file(DRIVER "/bind", hidden) != 0) return;
  hidden[0] = 0;
  ipv6_is_off = false;
}
