#include "bench/store/writers.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <sstream>
#include <thread>

#include "bench/figures.h"
#include "core/check.h"

namespace outboard::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kWait{60};

// One client: rewrites its file whole, each time on the version it made last.
class Client {
 public:
  Client(std::unique_ptr<client::GrpcStore> store, VolumeId volume, const std::string& name)
      : store_(std::move(store)), volume_(volume) {
    Publish publish;
    publish.at = NameRef{std::string("/writers"), name};
    publish.parents = true;
    publish.bytes = std::string(kPayloadBytes, 'a');
    take(send(publish));
  }

  // Milliseconds of each write.
  std::vector<double> write_until(Moment end) {
    std::vector<double> took;
    while (steady_clock::now() < end) {
      const Moment start = steady_clock::now();
      Write write;
      write.node = inode_;
      write.base = version_;
      write.keep = 0;
      std::string bytes(kPayloadBytes, 'a');
      const std::string mark = std::to_string(number_);
      bytes.replace(0, mark.size(), mark);
      write.extents.push_back(Extent{0, std::move(bytes)});
      take(send(write));
      const Moment now = steady_clock::now();
      if (now < end) took.push_back(std::chrono::duration<double, std::milli>(now - start).count());
    }
    return took;
  }

 private:
  Applied send(Op op) {
    Batch batch;
    batch.request = RequestId{store_->client(), ++number_};
    batch.acknowledged = number_ - 1;
    batch.steps.push_back(Step{std::move(op), {}});
    return must(store_->apply(Call::until(in(kWait)), volume_, batch));
  }
  void take(const Applied& applied) {
    inode_ = applied.outcomes.front().node.inode;
    version_ = applied.outcomes.front().node.version;
  }

  const std::unique_ptr<client::GrpcStore> store_;
  const VolumeId volume_;
  std::uint64_t number_ = 0;
  Inode inode_;
  Version version_;
};

}  // namespace

Writers::Writers(const Site& site, const std::vector<VolumeId>& volumes, std::size_t processes,
                 std::size_t clients_each) {
  std::string words;
  for (const VolumeId volume : volumes) words += to_string(volume) + " ";
  for (std::size_t i = 0; i < processes; ++i) {
    processes_.push_back(std::make_unique<Child>(std::vector<std::string>{
        "writers", site.address(), site.token(), words, std::to_string(clients_each)}));
  }
  for (const auto& process : processes_) CHECK(process->read_line() == "ready");
}

Load Writers::write_for(std::chrono::milliseconds time) {
  for (const auto& process : processes_) process->write_line("go " + std::to_string(time.count()));
  Load load;
  std::vector<double> medians;
  std::vector<double> tails;
  for (const auto& process : processes_) {
    double count = 0;
    double p50 = 0;
    double p99 = 0;
    std::istringstream line(process->read_line());
    CHECK(bool(line >> count >> p50 >> p99));
    load.per_second += count * 1'000 / static_cast<double>(time.count());
    medians.push_back(p50);
    tails.push_back(p99);
  }
  load.p50_ms = quantile(medians, 0.5);
  load.p99_ms = quantile(tails, 0.5);
  return load;
}

int write_as_told(const std::vector<std::string>& arguments) {
  CHECK(arguments.size() == 4);
  std::vector<VolumeId> volumes;
  std::istringstream words(arguments[2]);
  for (VolumeId volume; words >> volume.value;) volumes.push_back(volume);
  client::ChannelConfig config;
  config.address = arguments[0];
  config.token = [token = arguments[1]] { return token; };
  std::vector<std::unique_ptr<Client>> clients(std::stoul(arguments[3]));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i] = std::make_unique<Client>(must(client::GrpcStore::connect(config, in(kWait))),
                                          volumes[i % volumes.size()],
                                          std::to_string(::getpid()) + "." + std::to_string(i));
  }
  std::cout << "ready\n" << std::flush;
  std::string word;
  for (long milliseconds = 0; std::cin >> word >> milliseconds;) {
    const Moment end = in(std::chrono::milliseconds(milliseconds));
    std::vector<std::vector<double>> took(clients.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      threads.emplace_back([&, i] { took[i] = clients[i]->write_until(end); });
    }
    for (auto& thread : threads) thread.join();
    std::vector<double> all;
    for (const auto& some : took) all.insert(all.end(), some.begin(), some.end());
    std::cout << all.size() << " " << quantile(all, 0.5) << " " << quantile(all, 0.99) << "\n"
              << std::flush;
  }
  return 0;
}

}  // namespace outboard::bench
