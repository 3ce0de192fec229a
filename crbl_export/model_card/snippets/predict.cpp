// g++ -std=c++17 predict.cpp -I ONNXRUNTIME/include -L ONNXRUNTIME/lib -lonnxruntime -o predict
// predict MODEL.onnx IMAGES.rgb [DML]
#include <onnxruntime_cxx_api.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

constexpr std::int64_t IMAGE_SIZE = @IMAGE_SIZE@;
constexpr double THRESHOLD = @THRESHOLD@;
constexpr std::size_t IMAGE_BYTES = IMAGE_SIZE * IMAGE_SIZE * 3;

std::vector<std::uint8_t> read_images(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("The file with the images cannot be read.");
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (bytes.empty() || bytes.size() % IMAGE_BYTES != 0)
    throw std::runtime_error("Expected " + std::to_string(IMAGE_BYTES) + " bytes for each image.");
  return bytes;
}

Ort::SessionOptions session_options(const std::string& provider) {
  Ort::SessionOptions options;
  if (provider == "DML") {
    options.SetExecutionMode(ORT_SEQUENTIAL);
    options.DisableMemPattern();
    Ort::ThrowOnError(Ort::GetApi().AddFreeDimensionOverrideByName(options, "batch", 1));
    options.AppendExecutionProvider("DML", {{"device_id", "0"}});
  }
  return options;
}

// `pixels`: rows from the top, pixels from the left, R before G before B.
void predict(Ort::Session& session, std::uint8_t* pixels) {
  const std::int64_t shape[] = {1, IMAGE_SIZE, IMAGE_SIZE, 3};
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  const Ort::Value image = Ort::Value::CreateTensor<std::uint8_t>(memory, pixels, IMAGE_BYTES, shape, 4);
  const char* const inputs[] = {"image"};
  const char* const outputs[] = {"probability", "logit"};
  const auto results = session.Run(Ort::RunOptions{nullptr}, inputs, &image, 1, outputs, 2);
  const float probability = results[0].GetTensorData<float>()[0];
  const float logit = results[1].GetTensorData<float>()[0];
  if (!std::isfinite(logit)) throw std::runtime_error("The logit is not finite: the driver computes wrongly.");
  std::printf("%.8f %.6f %s\n", probability, logit, probability > THRESHOLD ? "anomaly" : "normal");
}

// Windows gives paths of every language to wmain alone.
#ifdef _WIN32
int wmain(int count, wchar_t** arguments) {
#else
int main(int count, char** arguments) {
#endif
  try {
    const std::vector<std::filesystem::path> given(arguments + 1, arguments + count);
    if (given.size() < 2) throw std::runtime_error("Expected MODEL.onnx IMAGES.rgb [DML].");
    Ort::Env environment(ORT_LOGGING_LEVEL_WARNING, "crbl");
    const std::string provider = given.size() > 2 ? given[2].string() : "CPU";
    Ort::Session session(environment, given[0].c_str(), session_options(provider));
    auto images = read_images(given[1]);
    for (std::size_t start = 0; start < images.size(); start += IMAGE_BYTES) predict(session, &images[start]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
