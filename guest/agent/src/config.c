#include "config.h"

#include "names.h"
#include "pod.h"

#include <stdio.h>
#include <stdlib.h>

static size_t count_of(char **list) {
  size_t count = 0;
  while (list && list[count]) count++;
  return count;
}

/* A copy of an array of strings; a missing array is an empty one. */
static bool strings_of(const json_t *config, const char *key, char ***list, struct fault *fault) {
  json_t *array = json_object_get(config, key), *item;
  size_t i;
  if (array && !json_is_null(array) && !json_is_array(array)) return fail(fault, "invalid", "%s: not an array", key);
  *list = must_calloc(json_array_size(array) + 1, sizeof **list);
  json_array_foreach(array, i, item) {
    if (!json_is_string(item)) return fail(fault, "invalid", "%s: not an array of strings", key);
    (*list)[i] = must_strdup(json_string_value(item));
  }
  return true;
}

static void free_strings(char **list) {
  for (char **at = list; at && *at; at++) free(*at);
  free(list);
}

void config_free(struct spawn *plan) {
  free_strings(plan->args);
  free_strings(plan->env);
  free_strings(plan->masked);
  free_strings(plan->read_only);
  free_strings(plan->sysctls);
  free(plan->limits);
  free((char *)plan->cwd);
  free((char *)plan->hostname);
  free((char *)plan->domainname);
}

static const char *env_get(char **env, const char *name) {
  size_t len = strlen(name);
  for (; env && *env; env++)
    if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') return *env + len + 1;
  return NULL;
}

/* Takes `entry`; replaces a variable of the same name. */
static void env_set(char ***env, char *entry) {
  size_t len = strcspn(entry, "="), count = count_of(*env);
  for (size_t i = 0; i < count; i++)
    if (strncmp((*env)[i], entry, len) == 0 && ((*env)[i][len] == '=' || !(*env)[i][len])) {
      free((*env)[i]);
      (*env)[i] = entry;
      return;
    }
  *env = must_realloc(*env, (count + 2) * sizeof **env);
  (*env)[count] = entry;
  (*env)[count + 1] = NULL;
}

/* A name without a value stands for a variable that isn't wanted, not even by default. */
static bool is_unwanted(const char *entry) { return !strchr(entry, '='); }

static void env_default(char ***env, const char *name, const char *value) {
  for (char **entry = *env; entry && *entry; entry++)
    if (strcmp(*entry, name) == 0) return;
  if (!env_get(*env, name)) env_set(env, must_printf("%s=%s", name, value));
}

static void env_drop_unwanted(char **env) {
  char **kept = env;
  for (; env && *env; env++) {
    if (is_unwanted(*env)) free(*env);
    else *kept++ = *env;
  }
  if (kept) *kept = NULL;
}

static bool capabilities_of(const json_t *config, const char *key, uint64_t *set, struct fault *fault) {
  size_t i;
  json_t *item;
  *set = 0;
  json_array_foreach(json_object_get(config, key), i, item) {
    const char *name = json_string_value(item);
    int number = name ? capability_number(name) : -1;
    if (number < 0) return fail(fault, "invalid", "unknown capability: %s", name ? name : "?");
    *set |= UINT64_C(1) << number;
  }
  return true;
}

static rlim_t limit_value(const json_t *value) {
  json_int_t number = json_integer_value(value);
  return number < 0 ? RLIM_INFINITY : (rlim_t)number;
}

static bool limits_of(const json_t *config, struct spawn *plan, struct fault *fault) {
  json_t *array = json_object_get(config, "rlimits"), *item;
  size_t i;
  plan->limits = must_calloc(json_array_size(array) + 1, sizeof *plan->limits);
  json_array_foreach(array, i, item) {
    const char *name = json_string_value(json_object_get(item, "name"));
    json_t *soft = json_object_get(item, "soft"), *hard = json_object_get(item, "hard");
    int resource = name ? rlimit_number(name) : -1;
    if (resource < 0 || !json_is_integer(soft) || !json_is_integer(hard))
      return fail(fault, "invalid", "unknown limit: %s", name ? name : "?");
    plan->limits[plan->limits_count++] = (struct limit){resource, {limit_value(soft), limit_value(hard)}};
  }
  return true;
}

static bool sysctls_of(const json_t *config, struct spawn *plan, struct fault *fault) {
  json_t *object = json_object_get(config, "sysctls"), *value;
  const char *name;
  size_t used = 0;
  plan->sysctls = must_calloc(json_object_size(object) + 1, sizeof *plan->sysctls);
  json_object_foreach(object, name, value) {
    if (strchr(name, '/') || strstr(name, "..") || strchr(name, '=') || !json_is_string(value))
      return fail(fault, "invalid", "invalid sysctl: %s", name);
    plan->sysctls[used++] = must_printf("%s=%s", name, json_string_value(value));
  }
  return true;
}

static bool process_of(struct spawn *plan, const json_t *config, struct fault *fault) {
  const char *cwd = "";
  int tty = 0, privileged = 0, no_new_privileges = 0;
  json_error_t error;
  if (json_unpack_ex((json_t *)config, &error, 0, "{s?s,s?b,s?b,s?b}", "cwd", &cwd, "tty", &tty, "privileged", &privileged,
                     "noNewPrivileges", &no_new_privileges))
    return fail(fault, "invalid", "%s", error.text);
  if (!strings_of(config, "args", &plan->args, fault) || !strings_of(config, "env", &plan->env, fault)) return false;
  if (!plan->args[0] || !plan->args[0][0]) return fail(fault, "invalid", "no command is given");
  if (cwd[0] && cwd[0] != '/') return fail(fault, "invalid", "the working directory '%s' is not absolute", cwd);
  plan->cwd = must_strdup(cwd);
  plan->tty = tty;
  plan->privileged = privileged;
  plan->no_new_privileges = no_new_privileges;
  plan->join = plan->group = plan->pid_namespace = plan->in = plan->out = plan->err = -1;
  return true;
}

bool config_container(struct container *container, const json_t *config, struct fault *fault) {
  struct spawn *plan = &container->plan;
  const char *hostname = "", *user = "";
  int umask = 022, read_only_root = 0, init = 0, oom_score_adj = 0, share_processes = 0;
  json_int_t log_bytes = 1 << 20;
  json_error_t error;
  if (!process_of(plan, config, fault)) return false;
  if (json_unpack_ex((json_t *)config, &error, 0, "{s?s,s?s,s?i,s?b,s?b,s?b,s?I,s?{s?i}}", "hostname", &hostname, "user",
                     &user, "umask", &umask, "readOnlyRoot", &read_only_root, "init", &init, "shareProcesses",
                     &share_processes, "logBufferBytes", &log_bytes, "resources", "oomScoreAdj", &oom_score_adj))
    return fail(fault, "invalid", "%s", error.text);
  if (!capabilities_of(config, "capabilities", &plan->capabilities, fault) || !limits_of(config, plan, fault) ||
      !sysctls_of(config, plan, fault) || !strings_of(config, "maskedPaths", &plan->masked, fault) ||
      !strings_of(config, "readonlyPaths", &plan->read_only, fault))
    return false;
  if (plan->privileged) plan->capabilities = capabilities_all();
  if (strlen(hostname) > 64) return fail(fault, "invalid", "the host name is longer than 64 bytes");
  plan->hostname = must_strdup(hostname[0] ? hostname : pod_hostname());
  plan->domainname = must_strdup(pod_domainname());
  plan->umask = (mode_t)umask & 0777;
  plan->oom_score_adj = oom_score_adj;
  plan->init = init;
  if (init) {
    size_t count = count_of(plan->args);
    plan->args = must_realloc(plan->args, (count + 2) * sizeof *plan->args);
    memmove(plan->args + 1, plan->args, (count + 1) * sizeof *plan->args);
    plan->args[0] = must_strdup("kraud-init");
  }
  plan->read_only_root = container->read_only_root = read_only_root;
  container->privileged = plan->privileged;
  container->share_processes = share_processes;
  if (log_bytes < 4096 || log_bytes > (64 << 20)) return fail(fault, "invalid", "logBufferBytes: not within 4096 and 67108864");
  logs_init(&container->logs, (size_t)log_bytes);
  return true;
}

bool config_identity(struct spawn *plan, const json_t *config, int root, const char *hostname, struct fault *fault) {
  const char *user = json_string_value(json_object_get(config, "user"));
  if (!identity_in_root(root, user ? user : "", json_object_get(config, "groups"), &plan->identity, fault)) return false;
  config_environment(plan, hostname);
  return true;
}

void config_environment(struct spawn *plan, const char *hostname) {
  env_default(&plan->env, "HOSTNAME", hostname);
  if (plan->tty) env_default(&plan->env, "TERM", "xterm");
  env_default(&plan->env, "HOME", plan->identity.home);
  env_drop_unwanted(plan->env);
}

bool config_exec(struct spawn *plan, const json_t *config, const struct container *container, struct fault *fault) {
  if (!process_of(plan, config, fault)) return false;
  char **own = plan->env;
  size_t i;
  json_t *item;
  size_t count = count_of(container->plan.env);
  plan->env = must_calloc(count + 1, sizeof *plan->env);
  for (i = 0; i < count; i++) plan->env[i] = must_strdup(container->plan.env[i]);
  /* What the container doesn't want, its own processes don't have either. */
  json_array_foreach(json_object_get(container->config, "env"), i, item)
    if (json_is_string(item) && is_unwanted(json_string_value(item))) env_set(&plan->env, must_strdup(json_string_value(item)));
  for (char **entry = own; *entry; entry++) env_set(&plan->env, *entry);
  free(own);
  /* HOME is the exec's user's, unless the exec or the container's own configuration names one. */
  bool home_given = false;
  json_array_foreach(json_object_get(container->config, "env"), i, item)
    home_given |= json_is_string(item) && strncmp(json_string_value(item), "HOME=", 5) == 0;
  json_array_foreach(json_object_get(config, "env"), i, item)
    home_given |= json_is_string(item) && strncmp(json_string_value(item), "HOME=", 5) == 0;
  json_t *with_user = json_object_get(config, "user") ? NULL : json_pack("{s:O?}", "user", json_object_get(container->config, "user"));
  if (with_user) json_object_update_missing(with_user, (json_t *)config);
  bool ok = config_identity(plan, with_user ? with_user : config, container->root, container->plan.hostname, fault);
  json_decref(with_user);
  if (!ok) return false;
  if (!home_given) env_set(&plan->env, must_printf("HOME=%s", plan->identity.home));
  if (json_object_get(config, "capabilities")) {
    if (!capabilities_of(config, "capabilities", &plan->capabilities, fault)) return false;
  } else {
    plan->capabilities = container->plan.capabilities;
  }
  if (plan->privileged) plan->capabilities = capabilities_all();
  plan->no_new_privileges |= container->plan.no_new_privileges;
  plan->umask = container->plan.umask;
  plan->oom_score_adj = container->plan.oom_score_adj;
  plan->limits = must_calloc(container->plan.limits_count + 1, sizeof *plan->limits);
  plan->limits_count = container->plan.limits_count;
  if (plan->limits_count) memcpy(plan->limits, container->plan.limits, plan->limits_count * sizeof *plan->limits);
  if (!plan->cwd[0]) {
    free((char *)plan->cwd);
    plan->cwd = must_strdup(container->plan.cwd);
  }
  return true;
}
