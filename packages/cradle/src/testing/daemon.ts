import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MiB, silentLogger, systemClock, systemRandom } from '@kraud/base';
import type { VmSpec } from '../contract.ts';
import { openCradle } from '../cradle.ts';
import { cradleLimits } from '../limits.ts';
import { smallSize, startContainer } from './world.ts';

// A daemon for tests to kill: daemon.ts DIR SPEC. It starts one pod, says so, and stays.
const [dir = '', spec = ''] = process.argv.slice(2);
const cacheDir = process.env.KRAUD_CACHE ?? '/var/cache/kraud';
const cradle = openCradle({
  dataDir: join(dir, 'cradle'),
  cacheDir,
  guest: JSON.parse(readFileSync(join(cacheDir, 'guest/current.json'), 'utf8')),
  accelerator: 'tcg',
  defaultSize: smallSize,
  writableBytes: 256 * MiB,
  limits: { ...cradleLimits, warmMax: 0 },
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
});
await cradle.start();
const vm = await cradle.claim(JSON.parse(spec) as VmSpec);
await startContainer(vm, ['/bin/sleep', '1000']);
console.log('running');
setInterval(() => {}, 60_000);
