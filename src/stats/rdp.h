/*
 * rdp.h - the privacy accountant of DP-SGD: what epsilon a number of noisy steps adds up to.
 *
 * One step: each example is taken with probability q, independently (Poisson sampling); the sum of
 * clipped contributions gets Gaussian noise of `noise` times the clipping bound. Neighbors differ
 * by one example added or removed. Same bits on every machine.
 *
 * Sources: Mironov, Talwar, Zhang 2019, "Renyi Differential Privacy of the Sampled Gaussian
 * Mechanism", arXiv:1908.10530, section 3.3 (whole and fractional orders); Canonne, Kamath, Steinke
 * 2020, arXiv:2004.00010, proposition 12 (from Renyi to epsilon at delta).
 */
#ifndef RD_STATS_RDP_H
#define RD_STATS_RDP_H

#include <stddef.h>

struct rd_rdp {
    double q;     /* sampling probability, 0 to 1 */
    double noise; /* noise multiplier, 0 or more; 0: no privacy */
    double steps; /* how often, 0 or more */
};

/*
 * Renyi divergence of order alpha > 1 of one step, nats. Infinity when noise is 0 (and q is not);
 * NaN outside the domain.
 */
double rd_rdp_step(double q, double noise, double alpha);
/*
 * Smallest epsilon at delta (0 < delta < 1) that the orders 1.1 to 10.9 by tenths, 11 to 63, and
 * 2^6 to 2^12 give; *order_out (may be NULL) the order that gave it. Infinity: no privacy. Never
 * below 0. NaN outside the domain.
 */
double rd_rdp_epsilon(const struct rd_rdp *r, double delta, double *order_out);

#endif
