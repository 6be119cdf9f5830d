/** Of the namespaces that each container has for itself; all others are the pod's. */
const ofIpc = /^(kernel\.(msg|sem|shm)|fs\.mqueue\.)/;

/** Which kernel parameters are set where. Names may be written with slashes, as `sysctl` takes them too. */
export function splitSysctls(sysctls: Readonly<Record<string, string>>): {
  pod: Record<string, string>;
  container: Record<string, string>;
} {
  const entries = Object.entries(sysctls).map(
    ([name, value]) => [name.replaceAll('/', '.'), value] as [string, string],
  );
  const isIpc = ([name]: [string, string]): boolean => ofIpc.test(name);
  return {
    pod: Object.fromEntries(entries.filter((entry) => !isIpc(entry))),
    container: Object.fromEntries(entries.filter(isIpc)),
  };
}
