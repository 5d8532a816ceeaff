# SPDX-License-Identifier: BSD-2-Clause
"""Generator of everything that follows from abi/cloudabi.def."""
