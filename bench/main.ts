import { launch } from './launch/launch.ts';

const benches: Record<string, (args: readonly string[]) => Promise<void>> = { launch };

const [name, ...args] = process.argv.slice(2);
const bench = name ? benches[name] : undefined;
if (!bench) {
  console.error(`Usage: npm run bench -- NAME [--json] [--n 30]\nNames: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
await bench(args);
