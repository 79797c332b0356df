#include "target/target.h"

int rd_target_argmax(const float *score, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (score[i] > score[best])
            best = i;
    return (int)best;
}
