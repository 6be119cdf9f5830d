import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import type { Engine } from './engine.ts';

/**
 * The least that can be done with grpc-js: requests written by hand, answers not looked at. What a driver costs is
 * what it takes on top of this.
 */
export function bareEtcd(endpoint: string): Engine {
  const client = new Client(endpoint, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.enable_http_proxy': 0,
  });
  const none = new Metadata();
  const call = (path: string, request: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, asIs, asIs, request, none, {}, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  return {
    name: 'bare',
    // A transaction of one put that answers what was there before, as the store's contract has it.
    put: (key, value) => {
      const put = Buffer.concat([field(1, key), field(2, value), Buffer.from([4 * 8, 1])]);
      return call('/etcdserverpb.KV/Txn', message(2, message(2, put)));
    },
    get: (key) => call('/etcdserverpb.KV/Range', field(1, key)),
    watch: async (key, watchers, seen) => {
      const stream: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
        '/etcdserverpb.Watch/Watch',
        asIs,
        asIs,
        none,
        {},
      );
      let answers = 0;
      const { promise: created, resolve } = Promise.withResolvers<void>();
      stream.on('error', () => {});
      stream.on('data', () => {
        answers += 1;
        if (answers === watchers) resolve();
        // The first answer to each watch says that it was made.
        else if (answers > watchers) seen();
      });
      const create = field(1, key);
      for (let i = 0; i < watchers; i += 1) stream.write(message(1, create));
      await created;
      return () => stream.cancel();
    },
    close: async () => client.close(),
  };
}

const asIs = (bytes: Buffer): Buffer => bytes;

function field(number: number, text: string): Buffer {
  return message(number, Buffer.from(text));
}

function message(number: number, content: Buffer): Buffer {
  const head: number[] = [number * 8 + 2];
  let rest = content.length;
  for (; rest >= 128; rest >>= 7) head.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, rest]), content]);
}
