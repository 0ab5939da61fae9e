// Loads an operator library and scripted modules, and runs them: what a program without Python
// does. Arguments: library, modules ...; each module's forward takes nothing and
// returns a tensor, which is printed element by element, one line a module.
#include <dlfcn.h>
#include <torch/script.h>

#include <iomanip>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: run_scripted LIBRARY MODULE...\n";
    return 2;
  }
  if (dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    std::cerr << dlerror() << '\n';
    return 1;
  }
  std::cout << std::setprecision(17);
  for (int i = 2; i < argc; ++i) {
    torch::jit::Module module = torch::jit::load(argv[i]);
    const torch::Tensor result =
        module.forward({}).toTensor().detach().to(torch::kDouble).contiguous();
    for (int64_t j = 0; j < result.numel(); ++j) {
      std::cout << (j == 0 ? "" : " ") << result.data_ptr<double>()[j];
    }
    std::cout << '\n';
  }
  return 0;
}
