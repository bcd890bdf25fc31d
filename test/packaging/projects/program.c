#include "program.h"

int main(void) { return check(MALLOC_IS_RESLAB); }
