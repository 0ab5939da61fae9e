// Topic proportions without Python: `theta MODEL.pt [LIBRARY.so] < documents.txt`.
//
// MODEL.pt is what `topicforge export MODEL --to torchscript` writes, LIBRARY.so the operator library that
// `topicforge kernels` names; a file that was exported with TOPICFORGE_NATIVE=0 needs none. A line of
// standard input is a document; its words are runs of letters, digits and bytes beyond ASCII, in lower
// case. The topics are printed first, then theta, a line per document.
#include <dlfcn.h>
#include <torch/script.h>

#include <cctype>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || byte >= 128) {
      word += static_cast<char>(std::tolower(byte));
    } else if (!word.empty()) {
      words.push_back(word);
      word.clear();
    }
  }
  return words;
}

// Documents in compressed sparse rows, as the exported function takes them.
struct Counts {
  std::vector<int64_t> crow{0}, col;
  std::vector<float> count;

  void add(const std::vector<std::string>& words, const std::unordered_map<std::string, int64_t>& columns) {
    std::map<int64_t, float> document;
    for (const std::string& word : words) {
      const auto found = columns.find(word);
      if (found != columns.end()) document[found->second] += 1.0f;
    }
    for (const auto& [column, n] : document) {
      col.push_back(column);
      count.push_back(n);
    }
    crow.push_back(static_cast<int64_t>(col.size()));
  }
};

int run(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: theta MODEL.pt [LIBRARY.so] < documents.txt\n";
    return 2;
  }
  // before the model, whose operators it defines
  if (argc == 3 && dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    std::cerr << "theta: " << dlerror() << '\n';
    return 1;
  }
  torch::jit::ExtraFilesMap files{{"vocabulary.txt", ""}, {"topics.txt", ""}};
  torch::jit::Module model = torch::jit::load(argv[1], torch::kCPU, files);

  std::unordered_map<std::string, int64_t> columns;
  for (const std::string& word : lines_of(files["vocabulary.txt"])) {
    columns.emplace(word, static_cast<int64_t>(columns.size()));
  }
  Counts counts;
  for (std::string line; std::getline(std::cin, line);) counts.add(words_of(line), columns);
  const auto tensor = [](auto& values, torch::Dtype dtype) {
    return torch::from_blob(values.data(), {static_cast<int64_t>(values.size())}, dtype);
  };
  torch::InferenceMode no_gradients;
  const torch::Tensor theta =
      model
          .forward(
              {tensor(counts.crow, torch::kLong), tensor(counts.col, torch::kLong),
               tensor(counts.count, torch::kFloat)})
          .toTensor()
          .contiguous();

  const std::vector<std::string> topics = lines_of(files["topics.txt"]);
  for (size_t k = 0; k < topics.size(); ++k) std::cout << "topic " << k << ": " << topics[k] << '\n';
  std::cout << std::setprecision(9);
  const float* value = theta.data_ptr<float>();
  for (int64_t b = 0; b < theta.size(0); ++b) {
    for (int64_t k = 0; k < theta.size(1); ++k) std::cout << (k == 0 ? "" : " ") << *value++;
    std::cout << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "theta: " << error.what() << '\n';
    return 1;
  }
}
