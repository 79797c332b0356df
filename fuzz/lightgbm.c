/* LightGBM's text. */
#include "model_target.h"
