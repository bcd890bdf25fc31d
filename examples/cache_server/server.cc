// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <reslab/rcu.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "worker.h"

namespace cache_server {
namespace {

// A file descriptor that a system call gave.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) { require(fd >= 0, "no descriptor"); }
  ~Descriptor() { close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

  static void require(bool succeeded, const char* otherwise) {
    if (!succeeded) throw std::system_error(errno, std::generic_category(), otherwise);
  }

 private:
  const int fd_;
};

// Blocked here and in all threads that are made from now on: signals are read.
int end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

uint16_t listen_at(int socket, const Settings& settings) {
  sockaddr_in place = {};
  place.sin_family = AF_INET;
  place.sin_port = htons(settings.port);
  const int one = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  auto* const address = reinterpret_cast<sockaddr*>(&place);
  socklen_t length = sizeof place;
  errno = EINVAL;  // inet_pton sets none for what is no address
  Descriptor::require(inet_pton(AF_INET, settings.address.c_str(), &place.sin_addr) == 1 &&
                          bind(socket, address, length) == 0 && listen(socket, 1024) == 0 &&
                          getsockname(socket, address, &length) == 0,
                      "cannot listen there");
  return ntohs(place.sin_port);
}

void allow_many_files() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

using Workers = std::vector<std::unique_ptr<Worker>>;

// To be made after the workers, so that it goes before they are waited for, also where one of them cannot be made.
struct StopAtEnd {
  const int event;
  ~StopAtEnd() { eventfd_write(event, 1); }
};

// False: there is nobody, or no descriptor for him.
bool accept_one(int listener, Workers& workers, size_t& turn) {
  const int socket = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) return errno == ECONNABORTED || errno == EINTR;
  const int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  workers[turn++ % workers.size()]->adopt(socket);
  return true;
}

void accept_until_told(int listener, int signals, Service& service, Workers& workers) {
  constexpr int kSecond = 1000;
  size_t turn = 0;
  pollfd awaited[] = {{signals, POLLIN, 0}, {listener, POLLIN, 0}};
  for (uint32_t kept_up = now(); (awaited[0].revents & POLLIN) == 0;) {
    // Without descriptors clients wait in the queue until others have gone.
    if (poll(awaited, 2, kSecond) > 0 && awaited[1].revents != 0 && !accept_one(listener, workers, turn) &&
        errno != EAGAIN) {
      poll(awaited, 1, kSecond / 100);
    }
    if (now() == kept_up) continue;
    kept_up = now();
    service.keep_up();
  }
}

// Readers and writers have gone.
bool is_all_back(Service& service) {
  service.clear(0);
  if (reslab_rcu_barrier() == 0 && service.is_empty()) return true;
  fputs("cache_server: memory is charged to somebody who has gone\n", stderr);
  return false;
}

}  // namespace

bool serve(const Settings& settings) {
  const int status = reslab_rcu_init(&urcu_memb_flavor);
  if (status != 0) throw std::system_error(status, std::generic_category(), "reslab_rcu_init");
  bool is_clean = false;
  {
    allow_many_files();
    const Descriptor signals(end_signals());
    const Descriptor stop(eventfd(0, EFD_CLOEXEC));
    const Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const uint16_t port = listen_at(listener.get(), settings);
    Service service(settings.budgets, settings.connection_bytes, settings.threads);
    {
      Workers workers;
      const StopAtEnd stop_at_end{stop.get()};
      for (Counters& counters : service.counters)
        workers.push_back(std::make_unique<Worker>(service, counters, stop.get()));
      printf("listening on port %u\n", unsigned{port});
      fflush(stdout);
      accept_until_told(listener.get(), signals.get(), service, workers);
    }
    is_clean = is_all_back(service);
  }
  return reslab_check(2) == 0 && is_clean;
}

}  // namespace cache_server
