import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Before anything else is loaded: half of a start is making JavaScript of the source.
enableCompileCache(join(process.env.KRAUD_CACHE ?? '/var/cache/kraud', 'node'));
const { kraudd } = await import('./kraudd.ts');
try {
  await kraudd();
  process.exit(0);
} catch (error) {
  process.stderr.write(`kraudd: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
