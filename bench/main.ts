import { launch } from './launch/launch.ts';
import { scheduler } from './scheduler/scheduler.ts';
import { sleep } from './sleep/sleep.ts';
import { store } from './store/store.ts';

const benches: Record<string, (args: readonly string[]) => Promise<void>> = {
  launch,
  scheduler,
  sleep,
  store,
};

const [name, ...args] = process.argv.slice(2);
const bench = name ? benches[name] : undefined;
if (!bench) {
  console.error(
    `Usage: npm run bench -- NAME [--json] [--n 30 | --pods 100000]\nNames: ${Object.keys(benches).join(', ')}`,
  );
  process.exit(2);
}
await bench(args);
