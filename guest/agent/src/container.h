/*
 * A container in this VM.
 *
 *   PUT --> [preparing] --> created --start--> running <--> paused --exit--> exited --DELETE--> gone
 *
 * Owned by the list here. What others hold (streams, execs) lets go when it ends.
 */
#ifndef CONTAINER_H
#define CONTAINER_H

#include "h2.h"
#include "logs.h"
#include "loop.h"
#include "spawn.h"
#include "stdio.h"

enum state { STATE_CREATED, STATE_RUNNING, STATE_PAUSED, STATE_EXITED };

struct exit_report {
  int code, signal;
  bool oom_killed;
};

struct exec;

struct container {
  struct container *next;
  char *name, *dir, *root_path; /* dir: RUN_DIR/containers/NAME; root_path: where the root is assembled */
  char *upper_path, *lower_path; /* the writable layer and the image */
  json_t *config;
  enum state state;
  bool busy;    /* a call is being carried out that others wait for */
  bool privileged, share_processes;
  bool read_only_root;
  struct spawn plan;
  unsigned files_count; /* that the host gave it, see files.c */
  int root; /* O_PATH, the assembled root */
  int group, pts, pidfd;
  pid_t pid;
  int64_t started_ns, finished_ns;
  struct exit_report exit;

  struct logs logs;
  struct stdio stdio;
  struct watch out_watch, err_watch, in_watch;
  bool output_done;
  struct stream *logs_stream, *stdin_stream;
  bool stdin_keep;
  struct stream *delete_stream; /* waits for the end */
  struct stream *put_stream, *start_stream; /* wait for the end of what may wait for a share */
  bool starting; /* its process is there, and has not yet reported */
  struct watch report_watch;
  bool doomed, ended; /* ended: an exit that containers_settle has not yet seen */
  struct exec *execs;
};

struct container *container_find(const char *name);
struct container *containers(void);
const char *state_name(enum state state);
json_t *container_state(const struct container *container);
json_t *exit_json(const struct exit_report *report, const char *error);
/* True if the pid was a container's. Uses no heap. */
bool container_reaped(pid_t pid, int status);
/* What an exit set in motion: answers, frames, removal. */
void containers_settle(void);
void container_kill(struct container *container);
/* Frees all that is dead; used by DELETE /v1/pod. True if none is left. */
bool containers_gone(void);
struct exit_report exit_of(int status, int group);

void container_put(struct stream *stream, json_t *body);
void container_get(struct stream *stream, struct container *container, json_t *body);
void container_start(struct stream *stream, struct container *container, json_t *body);
void container_wait(struct stream *stream, struct container *container, json_t *body);
void container_signal(struct stream *stream, struct container *container, json_t *body);
void container_resize(struct stream *stream, struct container *container, json_t *body);
void container_pause(struct stream *stream, struct container *container, json_t *body);
void container_resume(struct stream *stream, struct container *container, json_t *body);
void container_update(struct stream *stream, struct container *container, json_t *body);
void container_delete(struct stream *stream, struct container *container, json_t *body);
/* container_io.c */
void container_logs(struct stream *stream, struct container *container, json_t *body);
void container_stdin(struct stream *stream, struct container *container, json_t *body);
void container_io_start(struct container *container);
/* After the exit: takes what is still in the pipes, as far as the log has room. */
void container_io_finish(struct container *container);
void container_io_send(struct container *container);
void container_io_free(struct container *container);

#endif
