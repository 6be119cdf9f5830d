// Exits 0 if node_modules holds exactly the versions that package-lock.json names. npm writes node_modules/.package-lock.json
// last, so an interrupted `npm ci` is seen as not current. Runs on Node 20: it decides whether Node 24 is there at all.
import { existsSync, readFileSync } from 'node:fs';

const read = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;

function isCurrent() {
  if (!existsSync('node_modules/.package-lock.json')) return false;
  const wanted = read('package-lock.json');
  const present = read('node_modules/.package-lock.json');
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/') || entry.optional) continue;
    const have = present[path];
    if (entry.link ? !have?.link : have?.version !== entry.version) return false;
    if (!existsSync(`${path}/package.json`)) return false;
  }
  return existsSync('node_modules/.bin/node');
}

process.exit(isCurrent() ? 0 : 1);
