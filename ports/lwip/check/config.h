/* SPDX-License-Identifier: BSD-2-Clause */
/* lwIP's unit tests expect a file of this name from their build system; there is nothing to configure. */
