import { parseArgs } from 'node:util';
import { messageOf } from '@kraud/base';
import { migrate } from './migrate.ts';

// What `kra store migrate` runs: only the daemon knows how a store is opened.
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '' },
    to: { type: 'string', default: '' },
    'store-ca': { type: 'string' },
    'store-cert': { type: 'string' },
    'store-key': { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const { from, to, json } = values;
const tls = {
  ...(values['store-ca'] === undefined ? {} : { storeCa: values['store-ca'] }),
  ...(values['store-cert'] === undefined ? {} : { storeCert: values['store-cert'] }),
  ...(values['store-key'] === undefined ? {} : { storeKey: values['store-key'] }),
};
const shows = process.stderr.isTTY && !json;
try {
  const progress = (keys: number): void => {
    if (shows) process.stderr.write(`\r\x1b[K${keys} keys`);
  };
  const keys = await migrate({ from, to, tls, progress });
  if (shows) process.stderr.write('\r\x1b[K');
  if (json) console.log(JSON.stringify({ from, to, keys }));
  else console.log(`moved ${keys} keys from ${from} to ${to}`);
  process.exit(0);
} catch (error) {
  if (shows) process.stderr.write('\r\x1b[K');
  process.stderr.write(`error: ${messageOf(error)}\n`);
  process.exit(1);
}
