// expect [] free: NotOurs
#include "../misuse.h"

int main(void) {
  free(hide("constant"));
  return 0;
}
