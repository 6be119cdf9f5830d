import type { Readable } from 'node:stream';
import type { Cradle, ExitReport, GuestClient, GuestLogs as LogStream, Vm, VmSpec } from '@kraud/cradle';
import type { HostCradle, HostVm } from '../parts.ts';
import type { Guest, GuestContainerState, GuestExec, GuestExecSpec, GuestExit, GuestLogs } from './guest.ts';

/** The cradle as the host agent uses it. */
export function hostCradle(cradle: Cradle): HostCradle {
  return {
    start: async (options) =>
      (await cradle.start(options)).map(({ spec, vm }) => ({
        spec,
        vm: vm.then((found) => found && hostVm(found)),
      })),
    expect: (size) => cradle.expect(size),
    claim: async (spec: VmSpec, signal?: AbortSignal) => hostVm(await cradle.claim(spec, signal)),
    wake: async (spec, dir, options) => hostVm(await cradle.wake(spec, dir, options)),
    accelerator: () => cradle.accelerator(),
    status: () => cradle.status(),
    close: (options) => cradle.close(options),
    createDisk: (path, sizeBytes) => cradle.createDisk(path, sizeBytes),
  };
}

function hostVm(vm: Vm): HostVm {
  const guest = hostGuest(() => vm.guest);
  return {
    id: vm.id,
    get spec() {
      return vm.spec;
    },
    pid: vm.pid,
    guest,
    tap: vm.tap,
    accelerator: vm.accelerator,
    phases: vm.phases,
    warm: vm.warm,
    exited: vm.exited,
    reconnect: () => vm.reconnect(),
    stop: () => vm.stop(),
    kill: () => vm.kill(),
    sleep: (dir, options) => vm.sleep(dir, options),
    takeVolume: (index) => vm.takeVolume(index),
    dropVolume: (index) => vm.dropVolume(index),
  };
}

const exitOf = ({ code, signal, oomKilled, error }: ExitReport): GuestExit => ({
  code,
  signal,
  oomKilled,
  error,
});

/** The client is asked for anew at each call, since a VM's connection may be replaced. */
export function hostGuest(client: () => GuestClient): Guest {
  const state = async (name: string): Promise<GuestContainerState> => stateOf(await client().container(name));
  return {
    info: async () => {
      const { pod, containers } = await client().info();
      return {
        pod: pod !== undefined,
        containers: containers.map((status) => ({ name: status.name, ...stateOf(status) })),
      };
    },
    setPod: (pod) => client().setUpPod(pod),
    setNetwork: (body) => client().changeNetwork(body),
    deletePod: () => client().tearDownPod(),
    setClock: (time) => client().setClock(time),
    putContainer: (name, container) => client().createContainer(name, container),
    start: async (name) => {
      const { pid, startedAtNs } = await client().startContainer(name);
      return { pid, startedAtNs: BigInt(startedAtNs) };
    },
    state,
    kill: (name, signal) => client().killContainer(name, signal),
    resize: (name, size) => client().resizeContainer(name, size),
    pause: (name) => client().pauseContainer(name),
    resume: (name) => client().resumeContainer(name),
    update: (name, resources) => client().updateContainer(name, resources),
    logs: async (name, fromOffset, signal) => logsOf(await client().logs(name, BigInt(fromOffset)), signal),
    writeStdin: (name, source, options) => client().writeStdin(name, source, options),
    exec: async (name, id, spec) => execOf(client, name, id, spec),
    stats: (name) => client().stats(name),
    top: (name) => client().processes(name),
    changes: (name) => client().changes(name),
    archiveStat: (name, path) => client().statPath(name, path),
    archiveGet: (name, path, signal) => client().readArchive(name, { path }, signal),
    archiveTree: async (name, tree, signal): Promise<Readable> =>
      (await client().readArchive(name, tree, signal)).tar,
    archivePut: (name, path, tar, { noOverwriteDirNonDir, copyUidGid }) =>
      client().writeArchive(name, path, tar, { noOverwriteDirNonDir, copyUIDGID: copyUidGid }),
    putFile: (name, file, bytes) => client().putFile(name, file, bytes),
    linkShare: (at, signal) => client().linkShare(at, signal),
    serveShare: (at, signal) => client().serveShare(at, signal),
    holdShare: (at) => client().holdShare(at),
    listen: (name, socket) => client().listenUnix(name, socket),
    accept: (id, signal) => client().accept(id, signal),
  };
}

function stateOf(status: {
  state: GuestContainerState['state'];
  startedAtNs: string;
  finishedAtNs: string;
  exit: ExitReport | null;
}): GuestContainerState {
  const time = (text: string | undefined): bigint | undefined =>
    text && text !== '0' ? BigInt(text) : undefined;
  const startedAtNs = time(status.startedAtNs);
  const finishedAtNs = time(status.finishedAtNs);
  return {
    state: status.state,
    ...(startedAtNs !== undefined ? { startedAtNs } : {}),
    ...(finishedAtNs !== undefined ? { finishedAtNs } : {}),
    ...(status.exit ? { exit: exitOf(status.exit) } : {}),
  };
}

function logsOf(logs: LogStream, signal: AbortSignal): GuestLogs {
  const close = (): void => logs.close();
  // It may have been aborted while the guest was asked for them.
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
  return {
    get exit() {
      return logs.exit && exitOf(logs.exit);
    },
    ack: (offset) => logs.ack(BigInt(offset)),
    close: () => {
      signal.removeEventListener('abort', close);
      logs.close();
    },
    async *[Symbol.asyncIterator]() {
      for await (const { offset, timeNs, stream, bytes } of logs) {
        yield { offset: Number(offset), timeNs, stream: stream === 'stdout' ? 1 : 2, data: bytes };
      }
    },
  };
}

async function execOf(
  client: () => GuestClient,
  name: string,
  id: string,
  spec: GuestExecSpec,
): Promise<GuestExec> {
  const exec = await client().exec(name, id, spec);
  return {
    pid: exec.pid,
    output: async function* () {
      for await (const { stream, bytes } of exec) yield { stream, data: bytes };
    },
    stdin: exec.stdin,
    exit: exec.exit.then(exitOf),
    resize: (size) => client().resizeExec(name, id, size),
    kill: (signal) => client().killExec(name, id, signal),
    detach: () => exec.close(),
  };
}
