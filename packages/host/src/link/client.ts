import type { ClientHttp2Session } from 'node:http2';
import type { HostApi } from '../contract.ts';
import { Caller } from './caller.ts';
import { callExec } from './exec.ts';
import { callArchiveGet, callArchivePut, callExport } from './files.ts';
import { callImages } from './images.ts';
import { callOutput, callStdin } from './output.ts';
import { callPorts } from './ports.ts';

/**
 * Another host, with the same methods as the agent that does the work there. `session` gives the connection to it, made
 * anew when it was lost. A host that is gone, or goes in the midst of a call, is `unavailable`.
 */
export function linkedHost(name: string, session: () => ClientHttp2Session): HostApi {
  const caller = new Caller(session);
  return {
    name,
    output: (...args) => callOutput(caller, ...args),
    stdin: (...args) => callStdin(caller, ...args),
    resize: async (...args) => {
      await caller.ask('resize', args);
    },
    kill: async (...args) => {
      await caller.ask('kill', args);
    },
    exec: (...args) => callExec(caller, ...args),
    stats: (...args) => caller.ask('stats', args),
    top: async (...args) =>
      (await caller.ask('top', args)).map((one) => ({ ...one, startNs: BigInt(one.startNs) })),
    changes: (...args) => caller.ask('changes', args),
    archiveStat: (...args) => caller.ask('archive-stat', args),
    archiveGet: (uid, container, path, signal) => callArchiveGet(caller, [uid, container, path], signal),
    archivePut: (uid, container, path, tar, options) =>
      callArchivePut(caller, [uid, container, path, options], tar),
    export: (uid, container, signal) => callExport(caller, [uid, container], signal),
    commit: (...args) => caller.ask('commit', args),
    size: (...args) => caller.ask('size', args),
    update: async (uid, container, resources) => {
      await caller.ask('update', [uid, container, { ...resources }]);
    },
    sleep: async (...args) => {
      await caller.ask('sleep', args);
    },
    wake: async (...args) => {
      await caller.ask('wake', args);
    },
    rejoin: async (uid, container, networks) => {
      await caller.ask('rejoin', [uid, container, [...networks]]);
    },
    images: callImages(caller),
    volumes: {
      create: async (...args) => {
        await caller.ask('volume-create', args);
      },
      remove: async (...args) => {
        await caller.ask('volume-remove', args);
      },
      usage: (...args) => caller.ask('volume-usage', args),
      path: (...args) => caller.ask('volume-path', args),
    },
    ports: callPorts(caller),
    facts: () => caller.ask('facts', []),
  };
}
