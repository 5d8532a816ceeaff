/* SPDX-License-Identifier: BSD-2-Clause */
/* The refusal matrix, made from the definition: its rows register themselves as tests. */
#ifndef TESTS_CONFORMANCE_MATRIX_H
#define TESTS_CONFORMANCE_MATRIX_H

/* Rows are tests whose text begins with this; they are not counted with the others. */
#define MATRIX_MARK "the matrix"

#endif
