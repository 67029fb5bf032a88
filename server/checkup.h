// Checkup: all that a server has to say of itself, put together from those who know a part of it;
// and the parts that belong to no other room: the disk under the embedded Postgres, the figures.
//
// AdminService.Diagnose → Checkup → PgExaminer, CertificateExaminer, DiskExaminer, FigureExaminer.
// The first one is asked by everybody, the others for the site administrator only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/counters.h"
#include "core/diagnosis.h"

namespace outboard::server {

class Checkup final : public Examiner {
 public:
  // All outlive it.
  explicit Checkup(std::vector<Examiner*> parts) : parts_(std::move(parts)) {}
  Result<Diagnosis> examine(const Call& call) override;

 private:
  const std::vector<Examiner*> parts_;
};

// Whether the embedded Postgres has room to write.
class DiskExaminer final : public Examiner {
 public:
  // `directory` empty: the database is elsewhere.
  explicit DiskExaminer(std::string directory) : directory_(std::move(directory)) {}
  Result<Diagnosis> examine(const Call& call) override;

 private:
  const std::string directory_;
};

// What the server's own figures say: queues, the feed, restarts of the embedded Postgres.
class FigureExaminer final : public Examiner {
 public:
  explicit FigureExaminer(std::function<void(Figures&)> measure) : measure_(std::move(measure)) {}
  Result<Diagnosis> examine(const Call& call) override;

 private:
  const std::function<void(Figures&)> measure_;
};

}  // namespace outboard::server
