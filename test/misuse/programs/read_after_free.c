// expect [] nothing
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  memset(one, 1, 64);
  free(one);
  return one[40] == 77;
  return 0;
}
