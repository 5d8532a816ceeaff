# SPDX-License-Identifier: BSD-2-Clause
"""What the host-side tools of Tessera share: boot archives, argument data, manifests, virtual machines."""
