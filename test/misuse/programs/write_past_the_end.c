// expect [] nothing
#include "../misuse.h"

int main(void) {
  char* one = object(60);
  one[60] = 1;
  free(one);
  return 0;
}
