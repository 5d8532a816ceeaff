/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests on a node that is open, be it a directory or a file. */
#include "kernel/fd/port_priv.h"

cloudabi_errno_t port_node_call(struct port_node *node, enum port_op op, struct port_call *call)
{
    if (__atomic_load_n(&node->dead, __ATOMIC_RELAXED))
        return CLOUDABI_EIO;
    uint32_t epoch = node->id == PORT_ROOT_NODE ? 0 : node->epoch; /* the root is there in each */
    cloudabi_errno_t error = port_call_begin(call, node->port, op, epoch);
    call->request.node = node->id;
    return error;
}

cloudabi_errno_t port_node_call_more(struct port_node *node, enum port_op op,
                                     struct port_call *call)
{
    if (__atomic_load_n(&node->dead, __ATOMIC_RELAXED))
        return CLOUDABI_EIO;
    cloudabi_errno_t error = port_call_begin_more(call, node->port, op, node->epoch);
    call->request.node = node->id;
    return error;
}

cloudabi_errno_t port_node_stat(struct port_node *node, cloudabi_filestat_t *out)
{
    struct port_call call;
    cloudabi_errno_t error = port_node_call(node, PORT_GETATTR, &call);
    if (error != 0)
        return error;
    error = port_call_run(&call);
    if (error == 0)
        port_attr_to_stat(call.port, &call.reply->attr, out);
    port_call_end(&call);
    return error;
}

cloudabi_errno_t port_node_stat_put(struct port_node *node, const cloudabi_filestat_t *in,
                                    cloudabi_fsflags_t mask)
{
    struct port_call call;
    cloudabi_errno_t error = port_node_call(node, PORT_SETATTR, &call);
    if (error != 0)
        return error;
    call.request.a = mask;
    call.request.time = arch_clock_realtime();
    call.request.attr.size = in->st_size;
    call.request.attr.atim = in->st_atim;
    call.request.attr.mtim = in->st_mtim;
    error = port_call_run(&call);
    port_call_end(&call);
    return error;
}

cloudabi_errno_t port_node_sync(struct port_node *node, bool data_only)
{
    struct port_call call;
    cloudabi_errno_t error = port_node_call(node, PORT_SYNC, &call);
    if (error != 0)
        return error;
    call.request.a = data_only;
    error = port_call_run(&call);
    port_call_end(&call);
    return error;
}
