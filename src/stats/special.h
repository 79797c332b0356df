/*
 * special.h - elementary and special functions, the same bits on every machine.
 *
 * Built from + - * / and sqrt alone (IEEE 754 fixes those to the last bit; the files are compiled
 * with -ffp-contract=off), never from libm's transcendental functions, which differ between
 * libraries and processors. Arguments outside a domain give NaN. Errors stated are the largest seen
 * against 50-digit references (tests/golden/stats_scipy.py).
 */
#ifndef RD_STATS_SPECIAL_H
#define RD_STATS_SPECIAL_H

/* Within 1 ulp. exp overflows to infinity above 709.78 and underflows to 0 below -745.13. */
double rd_exp(double x);
double rd_log(double x); /* x >= 0; log 0 = -infinity */
/* Within 4 ulp. */
double rd_expm1(double x);
double rd_log1p(double x); /* x >= -1 */
/* x^y for x >= 0 as exp(y log x): relative error about |y log x| 2e-16. */
double rd_pow(double x, double y);
/* 1 / (1 + e^-x) and its inverse log(p / (1 - p)). */
double rd_logistic(double x);
double rd_logit(double p);

/* log of the gamma function, x > 0; absolute error 1e-14 relative to max(1, |value|). */
double rd_log_gamma(double x);
/* log gamma(x+1) less Stirling's formula, x > 0: small for large x, so densities keep their digits.
 */
double rd_stirling_error(double x);
/* x log(x / m) + m - x without cancellation, x >= 0, m > 0. Source: Loader 2000, section 4. */
double rd_deviance(double x, double m);

/*
 * Regularized incomplete beta I_x(a, b), a, b > 0, x in [0, 1]. Error below 1e-13 for a + b to
 * 2,000 (50-digit reference); to 1e6 it agrees with scipy to the 8 digits that scipy keeps there.
 */
double rd_beta_cdf(double x, double a, double b);
double rd_beta_quantile(double p, double a, double b);
/* Regularized incomplete gamma, lower and upper, shape a > 0, x >= 0. */
double rd_gamma_cdf(double x, double a);
double rd_gamma_tail(double x, double a);
double rd_gamma_quantile(double p, double a);

double rd_normal_cdf(double x);
/* 16 digits. p = 0, 1 give -infinity, infinity. Source: Wichura 1988, AS 241, PPND16. */
double rd_normal_quantile(double p);

/* Student's t with df > 0 degrees of freedom. */
double rd_t_cdf(double t, double df);
double rd_t_quantile(double p, double df);

/* Point probabilities, with full relative precision. Source: Loader 2000. */
double rd_binomial_pmf(double k, double n, double p);
double rd_poisson_pmf(double k, double rate);
/* P(K <= k), k a whole number. */
double rd_binomial_cdf(double k, double n, double p);
double rd_poisson_cdf(double k, double rate);

#endif
