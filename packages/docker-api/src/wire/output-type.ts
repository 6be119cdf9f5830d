const multiplexedFrom = 42;

/** The content type of a process's output. Clients older than 1.42 know only one. */
export function outputType(minor: number, tty: boolean): string {
  return !tty && minor >= multiplexedFrom
    ? 'application/vnd.docker.multiplexed-stream'
    : 'application/vnd.docker.raw-stream';
}
