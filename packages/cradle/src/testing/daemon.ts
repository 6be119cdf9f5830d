import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MiB, silentLogger, systemClock, systemRandom } from '@kraud/base';
import type { VmSpec } from '../contract.ts';
import { openCradle } from '../cradle.ts';
import { cradleLimits } from '../limits.ts';
import { counting, smallSize, startContainer } from './world.ts';

// A daemon for tests to kill: daemon.ts DIR SPEC [SLEEPER]. It starts one pod, says so, and stays; with a directory for it to sleep
// in, it has it sleep and wakes it again and again, and says in SLEEPER.record what it does just then: `asleep` or `awake`.
const [dir = '', spec = '', sleeper] = process.argv.slice(2);
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
const pod = JSON.parse(spec) as VmSpec;
let vm = await cradle.claim(pod);
if (sleeper === undefined) await startContainer(vm, ['/bin/sleep', '1000']);
else await counting(vm);
console.log('running');
setInterval(() => {}, 60_000);

const note = (state: string) => (): void => {
  writeFileSync(`${sleeper}.new`, state);
  renameSync(`${sleeper}.new`, `${sleeper}.record`);
};
while (sleeper !== undefined) {
  await vm.sleep(sleeper, { asleep: note('asleep') });
  vm = await cradle.wake(pod, sleeper, { awake: note('awake') });
}
