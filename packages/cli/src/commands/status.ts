import { getJson } from '../client.ts';
import { pidFileOf } from '../place.ts';
import { runningPid } from '../process.ts';

/** Whether the local daemon runs, and what it holds. Exits with 1 when it doesn't. */
export async function status(options: { dataDir: string; socket: string; json: boolean }): Promise<void> {
  const pid = runningPid(pidFileOf(options.dataDir));
  const info = await getJson(options.socket, '/info').catch(() => undefined);
  const state = {
    running: info !== undefined,
    pid: pid ?? null,
    socket: options.socket,
    dataDir: options.dataDir,
    pods: info
      ? {
          running: info.ContainersRunning,
          paused: info.ContainersPaused,
          stopped: info.ContainersStopped,
        }
      : null,
    images: info?.Images ?? null,
  };
  if (!state.running) process.exitCode = 1;
  if (options.json) {
    console.log(JSON.stringify(state));
    return;
  }
  if (!info || !state.pods) {
    console.log(`kraudd is not running (data in ${options.dataDir}); start it with: kra up`);
    return;
  }
  console.log(`kraudd runs, pid ${pid ?? 'unknown'}, socket ${options.socket}`);
  console.log(
    `pods: ${state.pods.running} running, ${state.pods.paused} paused, ${state.pods.stopped} stopped; images: ${state.images}`,
  );
}
