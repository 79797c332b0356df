/* XGBoost's JSON and UBJ. */
#include "model_target.h"
