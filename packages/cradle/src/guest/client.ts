import type { ClientHttp2Stream } from 'node:http2';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KraudError } from '@kraud/base';
import * as answers from './answers.ts';
import { connectionLost } from './error.ts';
import { GuestExec } from './exec.ts';
import { encodeAck } from './frames.ts';
import { GuestLogs } from './logs.ts';
import { openPreface, type PrefaceOptions } from './preface.ts';
import { type Answer, type Call, cancel, GuestSession } from './session.ts';
import { parse, type Reader } from './shape.ts';
import type {
  ContainerConfig,
  ContainerResources,
  ContainerStats,
  ContainerStatus,
  ExecConfig,
  ExecStatus,
  ExitReport,
  FileChange,
  GuestInfo,
  GuestProcess,
  PathStat,
  PodBody,
  PodDisk,
} from './types.ts';

const container = (name: string) => `/v1/containers/${encodeURIComponent(name)}`;
const query = (parameters: Record<string, string | number | boolean | undefined>) => {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== false);
  const text = given
    .map(([key, value]) => `${key}=${value === true ? '1' : encodeURIComponent(String(value))}`)
    .join('&');
  return text === '' ? '' : `?${text}`;
};

/**
 * The host's end of guest/PROTOCOL.md, over one connection to one VM's agent. Every call fails with a `KraudError`:
 * the agent's own, `corrupt` where the answer isn't one, or `unavailable` once the connection is lost. Calls sent one after the other without waiting are
 * carried out in that order. Reconnecting is up to the caller: containers, their logs and their exits wait for it.
 */
export class GuestClient {
  readonly #session: GuestSession;

  private constructor(session: GuestSession) {
    this.#session = session;
  }

  static async open(duplex: Duplex, options: PrefaceOptions): Promise<GuestClient> {
    try {
      await openPreface(duplex, options);
    } catch (error) {
      duplex.destroy();
      throw error;
    }
    return new GuestClient(new GuestSession(duplex));
  }

  /** Resolves when the connection is over, for whatever reason. */
  get closed(): Promise<void> {
    return this.#session.closed;
  }

  close(): void {
    this.#session.close();
  }

  info(signal?: AbortSignal): Promise<GuestInfo> {
    return this.#json({ method: 'GET', path: '/v1/info', ...(signal && { signal }) }, answers.info);
  }

  async setUpPod(body: PodBody): Promise<void> {
    await this.#do({ method: 'POST', path: '/v1/pod', body });
  }

  /** Other addresses and names for a pod that has an interface. */
  async changeNetwork(body: Pick<PodBody, 'network' | 'resolv' | 'hosts'>): Promise<void> {
    await this.#do({ method: 'PUT', path: '/v1/network', body });
  }

  /** Mounts these disks, and only these, ahead of the pod, which finds them mounted if it asks for the same. */
  async mountDisks(disks: readonly PodDisk[]): Promise<void> {
    await this.#do({ method: 'POST', path: '/v1/disks', body: { disks } });
  }

  /** Ends every container and unmounts every disk. */
  async tearDownPod(options: { readonly scrubMiB?: number } = {}): Promise<void> {
    const query = options.scrubMiB === undefined ? '' : `?scrub=${options.scrubMiB}`;
    await this.#do({ method: 'DELETE', path: `/v1/pod${query}` });
  }

  async setClock(body: { wallClockNs: string; entropy: string }): Promise<void> {
    await this.#do({ method: 'POST', path: '/v1/clock', body });
  }

  async createContainer(name: string, body: ContainerConfig): Promise<void> {
    await this.#do({ method: 'PUT', path: container(name), body });
  }

  startContainer(name: string): Promise<{ pid: number; startedAtNs: string }> {
    return this.#json({ method: 'POST', path: `${container(name)}/start` }, answers.started);
  }

  container(name: string): Promise<ContainerStatus> {
    return this.#json({ method: 'GET', path: container(name) }, answers.containerStatus);
  }

  waitContainer(name: string, signal?: AbortSignal): Promise<ExitReport> {
    const call: Call = { method: 'GET', path: `${container(name)}/wait`, ...(signal && { signal }) };
    return this.#json(call, answers.exitReport);
  }

  async killContainer(name: string, signal: number, options: { all?: boolean } = {}): Promise<void> {
    await this.#do({ method: 'POST', path: `${container(name)}/kill`, body: { signal, ...options } });
  }

  async resizeContainer(name: string, size: { rows: number; cols: number }): Promise<void> {
    await this.#do({ method: 'POST', path: `${container(name)}/resize`, body: size });
  }

  async pauseContainer(name: string): Promise<void> {
    await this.#do({ method: 'POST', path: `${container(name)}/pause` });
  }

  async resumeContainer(name: string): Promise<void> {
    await this.#do({ method: 'POST', path: `${container(name)}/resume` });
  }

  async updateContainer(name: string, resources: ContainerResources): Promise<void> {
    await this.#do({ method: 'POST', path: `${container(name)}/update`, body: { resources } });
  }

  /** Kills it and forgets it; its writable layer stays on the disk. */
  async removeContainer(name: string): Promise<void> {
    await this.#do({ method: 'DELETE', path: container(name) });
  }

  /** Everything below `fromOffset` counts as acknowledged. */
  async logs(name: string, fromOffset = 0n): Promise<GuestLogs> {
    const { stream } = await this.#session.open({ method: 'POST', path: `${container(name)}/logs` }, (s) => {
      s.write(encodeAck(fromOffset));
    });
    return new GuestLogs(stream, fromOffset);
  }

  /**
   * Writes all of `source` to the container's stdin, no faster than the container reads, then closes it unless
   * `keepOpen`. One at a time.
   */
  async writeStdin(
    name: string,
    source: Readable,
    options: { keepOpen?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    const path = `${container(name)}/stdin${query({ keep: options.keepOpen })}`;
    const { signal } = options;
    await this.#upload({ method: 'POST', path, ...(signal && { signal }) }, source);
  }

  async exec(name: string, exec: string, config: ExecConfig): Promise<GuestExec> {
    const path = `${container(name)}/exec/${encodeURIComponent(exec)}`;
    const { stream, headers } = await this.#session.open({ method: 'POST', path }, (s) => {
      s.write(`${JSON.stringify(config)}\n`);
    });
    return new GuestExec(stream, answers.pidOf(headers['x-kraud-pid']));
  }

  /** Without its streams; `execStatus` tells how it ended. */
  execDetached(name: string, exec: string, config: ExecConfig): Promise<{ pid: number }> {
    const path = `${container(name)}/exec/${encodeURIComponent(exec)}`;
    return this.#session.json({ method: 'POST', path }, answers.execStarted, (s) => {
      s.end(`${JSON.stringify({ ...config, stdin: false, detach: true })}\n`);
    });
  }

  execStatus(name: string, exec: string): Promise<ExecStatus> {
    const path = `${container(name)}/exec/${encodeURIComponent(exec)}`;
    return this.#json({ method: 'GET', path }, answers.execStatus);
  }

  async resizeExec(name: string, exec: string, size: { rows: number; cols: number }): Promise<void> {
    const path = `${container(name)}/exec/${encodeURIComponent(exec)}/resize`;
    await this.#do({ method: 'POST', path, body: size });
  }

  async killExec(name: string, exec: string, signal: number): Promise<void> {
    const path = `${container(name)}/exec/${encodeURIComponent(exec)}/kill`;
    await this.#do({ method: 'POST', path, body: { signal } });
  }

  stats(name: string): Promise<ContainerStats> {
    return this.#json({ method: 'GET', path: `${container(name)}/stats` }, answers.stats);
  }

  async processes(name: string): Promise<readonly GuestProcess[]> {
    const path = `${container(name)}/top`;
    return (await this.#json({ method: 'GET', path }, answers.processes)).processes;
  }

  async changes(name: string): Promise<readonly FileChange[]> {
    const path = `${container(name)}/changes`;
    return (await this.#json({ method: 'GET', path }, answers.changes)).changes;
  }

  async statPath(name: string, path: string): Promise<PathStat> {
    const { stream, headers } = await this.#session.open({
      method: 'HEAD',
      path: `${container(name)}/archive${query({ path })}`,
    });
    cancel(stream);
    return pathStat(headers['x-kraud-stat']);
  }

  /** A tar of one path (as `docker cp` wants it), of the whole merged root, or of the writable layer. */
  async readArchive(
    name: string,
    what: { path: string } | 'root' | 'upper',
    signal?: AbortSignal,
  ): Promise<{ stat: PathStat; tar: Readable }> {
    const parameters =
      what === 'root' ? { root: true } : what === 'upper' ? { upper: true } : { path: what.path };
    const { stream, headers } = await this.#session.open({
      method: 'GET',
      path: `${container(name)}/archive${query(parameters)}`,
      ...(signal && { signal }),
    });
    return { stat: pathStat(headers['x-kraud-stat']), tar: stream };
  }

  /** Extracts a tar into the directory `path` of the container. */
  async writeArchive(
    name: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir?: boolean; copyUIDGID?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    const { signal, ...flags } = options;
    const call: Call = {
      method: 'PUT',
      path: `${container(name)}/archive${query({ path, ...flags })}`,
      ...(signal && { signal }),
    };
    await this.#upload(call, tar);
  }

  /** A unix socket in a container that has not been started yet; the host accepts its connections. */
  async listenUnix(
    name: string,
    socket: { path: string; mode?: number; uid?: number; gid?: number },
  ): Promise<string> {
    const path = `${container(name)}/sockets`;
    return (await this.#json({ method: 'POST', path, body: socket }, answers.socket)).id;
  }

  /** A file in a container that has not been started yet: read-only there, and on no disk. At most 1 MiB. */
  async putFile(
    name: string,
    file: { path: string; mode: number; uid: number; gid: number },
    bytes: Buffer,
  ): Promise<void> {
    const { path, uid, gid } = file;
    const where = query({ path, mode: `0${file.mode.toString(8)}`, uid, gid });
    await this.#do({ method: 'PUT', path: `${container(name)}/files${where}`, bytes });
  }

  /** Resolves when a process has connected to the socket. */
  async accept(socketId: string, signal?: AbortSignal): Promise<Duplex> {
    const path = `/v1/sockets/${encodeURIComponent(socketId)}/accept`;
    return this.#connection({ method: 'POST', path, ...(signal && { signal }) });
  }

  /** A TCP connection into the pod. */
  async connect(port: number, options: { host?: string; signal?: AbortSignal } = {}): Promise<Duplex> {
    const { signal } = options;
    const path = `/v1/connect${query({ port, host: options.host })}`;
    return this.#connection({ method: 'POST', path, ...(signal && { signal }) });
  }

  /**
   * A share's far end: FUSE requests come out, the answers to them go in. Pump it to one `serveShare` of the keeper, from
   * the first byte to the last. A new one ends the one before; `conflict` once the share is held.
   */
  async linkShare(at: string, signal?: AbortSignal): Promise<Duplex> {
    return this.#connection({
      method: 'POST',
      path: `/v1/shares/link${query({ at })}`,
      ...(signal && { signal }),
    });
  }

  /** A keeper's end for one link: FUSE requests go in, the answers come out. */
  async serveShare(at: string, signal?: AbortSignal): Promise<Duplex> {
    return this.#connection({
      method: 'POST',
      path: `/v1/shares/serve${query({ at })}`,
      ...(signal && { signal }),
    });
  }

  /** The share's disk is in its slot: from now on this VM keeps it. Ends the link. Safe to repeat. */
  async holdShare(at: string): Promise<void> {
    await this.#do({ method: 'POST', path: '/v1/shares/hold', body: { at } });
  }

  #json<T>(call: Call, read: Reader<T>): Promise<T> {
    return this.#session.json(call, read);
  }

  async #do(call: Call): Promise<void> {
    await this.#session.json(call, answers.nothing);
  }

  async #connection(call: Call): Promise<Duplex> {
    const { stream } = await this.#session.open(call, () => {});
    return stream;
  }

  /** The agent answers at the end, or as soon as it has seen enough: then the rest is not sent. */
  async #upload(call: Call, source: Readable): Promise<void> {
    let request: ClientHttp2Stream | undefined;
    const answer: Promise<Answer> = this.#session.open(call, (stream) => {
      request = stream;
    });
    answer.catch(() => {});
    if (!request) {
      await answer;
      throw connectionLost();
    }
    try {
      await pipeline(source, request);
    } catch (error) {
      // If the agent has said why it stopped, that is the better answer.
      cancel(request);
      await answer;
      if (call.signal?.aborted) throw call.signal.reason;
      throw error instanceof KraudError
        ? error
        : new KraudError('canceled', 'the upload broke off', { cause: error });
    }
    const { stream } = await answer;
    stream.resume();
  }
}

function pathStat(header: string | string[] | undefined): PathStat {
  return parse(String(header), 'x-kraud-stat', answers.pathStat);
}
