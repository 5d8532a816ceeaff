/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How lwIP is configured: one thread, callbacks only, every pool on the heap with one limit over all
 * (lwip_port_memory_limit), so that a machine with 32 MiB and one with many connections run the same binary.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_STATS 0

/* Memory: counted and limited by the port. */
#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define mem_clib_malloc lwip_port_malloc
#define mem_clib_calloc lwip_port_calloc
#define mem_clib_free lwip_port_free
void *lwip_port_malloc(unsigned long size);
void *lwip_port_calloc(unsigned long count, unsigned long size);
void lwip_port_free(void *memory);
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define PBUF_POOL_BUFSIZE 1536
#define PBUF_POOL_SIZE 256 /* only for sanity checks: pools are on the heap */
#define MEMP_NUM_TCP_SEG 4096
#define MEMP_NUM_TCP_PCB 1024

/* Links. */
#define LWIP_ETHERNET 1
#define LWIP_ARP 1
#define ARP_QUEUEING 1
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_LINK_CALLBACK 1
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_HAVE_LOOPIF 1
#define LWIP_LOOPBACK_MAX_PBUFS 0
#define LWIP_SINGLE_NETIF 0

/* Internet. */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_MLD 1
#define LWIP_IGMP 1
#define IP_FORWARD 0
#define IP_REASSEMBLY 1
#define IP_FRAG 1
#define IP_REASS_MAX_PBUFS 64
#define IPV6_FRAG_COPYHEADER 1 /* pointers do not fit into the header */
#define LWIP_ICMP 1
#define LWIP_RAW 1
#define LWIP_UDP 1
#define LWIP_DNS 1
#define DNS_MAX_SERVERS 2
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define LWIP_DNS_SECURE                                                                            \
    (LWIP_DNS_SECURE_RAND_XID | LWIP_DNS_SECURE_NO_MULTIPLE_OUTSTANDING |                          \
     LWIP_DNS_SECURE_RAND_SRC_PORT)
#define LWIP_DHCP 1
/* The probe for an address in use costs seconds at boot; the server has made one already. */
#define DHCP_DOES_ARP_CHECK 0
#define LWIP_DHCP_GET_NTP_SRV 1
#define LWIP_DHCP_MAX_NTP_SERVERS 2

/* Streams. A client's ring takes 64 KiB; the window beyond it waits in the network card's buffers.
 * A segment is as long as the interface's MTU lets it be: 1,460 bytes on Ethernet, half a ring over loopback. */
#define LWIP_TCP 1
#define TCP_MSS (32 * 1024)
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* of TCP_SNDLOWAT, which only its sockets look at */
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 1
#define TCP_WND (64 * 1024)
#define TCP_SND_BUF (64 * 1024)
#define TCP_SND_QUEUELEN 512
#define TCP_SNDLOWAT (16 * 1024)
#define LWIP_TCP_SACK_OUT 1
/* A lost segment is sent again after three slow ticks (of twice this) at the earliest, 200 ms; lwIP's own 250 ms would make
 * that 1.5 s.  The first guess of a round trip is a second (RFC 6298, 2.1). */
#define TCP_TMR_INTERVAL 33
#define LWIP_TCP_RTO_TIME 1000
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 16
#define LWIP_TCP_KEEPALIVE 1
#define SO_REUSE 1
#define TCP_MSL 30000 /* TIME_WAIT lasts twice this: a minute */
#define TCP_OOSEQ_MAX_BYTES (TCP_WND / 2)
#define TCP_OVERSIZE 0

/*
 * Checksums per interface. TCP's is never made by lwIP: the driver's side makes it while the frame is in
 * the cache, or the device does. Received ones are checked by lwIP unless the device vouches.
 */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY 0
#define CHECKSUM_GEN_TCP 1
#define CHECKSUM_CHECK_TCP 1

/* Initial sequence numbers and ports are not to be guessed. */
#define LWIP_HOOK_FILENAME "lwip_hooks.h"
#define LWIP_HOOK_TCP_ISN lwip_port_sequence
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, options_len, first_len, second, p) \
    lwip_port_segment(pcb, header, options_len, first_len, second, p)
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1

#endif
