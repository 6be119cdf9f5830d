import { PassThrough, type Readable } from 'node:stream';
import { KraudError } from '@kraud/base';
import type { ExecSession, HostApi, HostImages, HostPorts } from '../../contract.ts';

const unused = (): never => {
  throw new KraudError('unsupported', 'not scripted');
};

const images: HostImages = {
  facts: unused,
  pull: unused,
  push: unused,
  load: unused,
  save: unused,
  import: unused,
  remove: unused,
  usage: unused,
  prepare: unused,
  manifest: unused,
  blob: unused,
  login: unused,
  remote: unused,
  tags: unused,
};

/** A host that does only what a test says. */
export function scriptedHost(
  does: Partial<Omit<HostApi, 'images' | 'ports'>> & {
    images?: Partial<HostImages>;
    ports?: Partial<HostPorts>;
  },
): HostApi {
  return {
    name: 'far',
    output: unused,
    stdin: unused,
    resize: unused,
    kill: unused,
    exec: unused,
    stats: unused,
    top: unused,
    changes: unused,
    archiveStat: unused,
    archiveGet: unused,
    archivePut: unused,
    export: unused,
    commit: unused,
    size: unused,
    update: unused,
    sleep: unused,
    wake: unused,
    rejoin: unused,
    facts: unused,
    volumes: { create: unused, remove: unused, usage: unused, path: unused },
    ...does,
    images: { ...images, ...does.images },
    ports: { connect: unused, datagrams: unused, ...does.ports },
  };
}

/** An exec of `cat`: what comes in goes out, its exit follows its input's end. */
export class EchoExec implements ExecSession {
  readonly pid = 42;
  readonly stdin = new PassThrough();
  readonly resized: object[] = [];
  readonly #detached = Promise.withResolvers<void>();
  readonly detached = this.#detached.promise;
  readonly #exit = Promise.withResolvers<{ code: number }>();
  readonly exit = this.#exit.promise;

  async *output(): AsyncGenerator<{ stream: 'stdout'; data: Buffer }> {
    for await (const data of this.stdin as Readable) yield { stream: 'stdout', data };
    this.#exit.resolve({ code: 7 });
  }

  async resize(size: object): Promise<void> {
    this.resized.push(size);
  }

  detach(): void {
    this.#detached.resolve();
  }
}
