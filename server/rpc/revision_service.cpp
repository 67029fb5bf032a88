#include "server/rpc/revision_service.h"

#include "core/scope.h"
#include "proto/convert_revision.h"

namespace outboard::server {
namespace {

template <class Response>
Status answered(const Result<Revision>& revision, Response* response) {
  if (!revision) return revision.error();
  wire::write(*revision, response->mutable_revision());
  return success();
}

}  // namespace

// A revision is the whole tree, so it takes who may write all of it.
Status RevisionService::may_write(const Call& call, VolumeId volume) {
  auto found = desk_.store.describe(call, volume);
  if (!found) return found.error();
  if (!found->read_only) {
    if (Scope::of(grants_in(call.caller, *found), volume).writes_all()) return success();
    return Error{Code::no_access,
                 "this token may write parts of " + found->name +
                     ", and a revision is all of it: ask for a grant of the whole volume",
                 found->name};
  }
  return Error{Code::read_only,
               "this token may read " + found->name +
                   " but not publish it: ask for a token whose grant ends in :rw",
               found->name};
}

grpc::ServerUnaryReactor* RevisionService::Submit(Context* context,
                                                  const v1::SubmitRequest* request,
                                                  v1::SubmitResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    const VolumeId volume{request->volume()};
    if (auto may = may_write(call, volume); !may) return may;
    return answered(revisions_.submit(call, volume, {request->name(), request->message()}),
                    response);
  });
}

grpc::ServerUnaryReactor* RevisionService::Review(Context* context,
                                                  const v1::ReviewRequest* request,
                                                  v1::ReviewResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    const VolumeId volume{request->volume()};
    if (auto may = may_write(call, volume); !may) return may;
    return answered(
        revisions_.review(call, volume, request->number(), request->approve(), request->remark()),
        response);
  });
}

grpc::ServerUnaryReactor* RevisionService::Publish(Context* context,
                                                   const v1::PublishRequest* request,
                                                   v1::PublishResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    const VolumeId volume{request->volume()};
    if (auto may = may_write(call, volume); !may) return may;
    return answered(
        revisions_.publish(call, volume, request->number(), {request->name(), request->message()}),
        response);
  });
}

grpc::ServerUnaryReactor* RevisionService::PinToken(Context* context,
                                                    const v1::PinTokenRequest* request,
                                                    v1::PinTokenResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    const VolumeId volume{request->volume()};
    auto found = desk_.store.describe(call, volume);
    if (!found) return found.error();
    if (!call.caller.admin) {
      return Error{Code::no_access,
                   "pinning a token needs an administrator's: ask yours to pin it"};
    }
    return answered(revisions_.pin(call, volume, request->token(), request->revision()), response);
  });
}

grpc::ServerUnaryReactor* RevisionService::ListRevisions(Context* context,
                                                         const v1::ListRevisionsRequest* request,
                                                         v1::ListRevisionsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    const VolumeId volume{request->volume()};
    auto found = desk_.store.describe(call, volume);
    if (!found) return found.error();
    const bool drafts =
        !found->read_only && Scope::of(grants_in(call.caller, *found), volume).writes_all();
    auto revisions = revisions_.list(call, volume, request->before(), request->limit());
    if (!revisions) return revisions.error();
    for (const Revision& one : *revisions) {
      if (!drafts && one.state != RevisionState::published) continue;
      wire::write(one, response->add_revisions());
    }
    return success();
  });
}

}  // namespace outboard::server
