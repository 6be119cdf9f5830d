// guest/current.json in the cache: which kernel, agent and initramfs to use.
//   current.mjs get [KEY]            prints the file, or one value
//   current.mjs set KEY VALUE …      changes those keys, in one step (rename); does nothing if nothing changes
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const dir = join(process.env.KRAUD_CACHE ?? '/var/cache/kraud', 'guest');
const path = join(dir, 'current.json');
const [verb, ...words] = process.argv.slice(2);

function read() {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw new Error(`${path} can't be read`, { cause: error });
  }
}

function write(value) {
  mkdirSync(dir, { recursive: true });
  const draft = `${path}.${process.pid}`;
  const file = openSync(draft, 'w', 0o644);
  writeSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(draft, path);
}

if (verb === 'get') {
  const current = read();
  const value = words[0] === undefined ? JSON.stringify(current, undefined, 2) : current[words[0]];
  if (value === undefined) {
    console.error(`${path} has no ${words[0]}: run "make setup"`);
    process.exit(1);
  }
  console.log(value);
} else if (verb === 'set') {
  const current = read();
  const next = { ...current };
  for (let i = 0; i < words.length; i += 2) next[words[i]] = words[i + 1];
  if (JSON.stringify(next) !== JSON.stringify(current)) write(next);
} else {
  console.error('usage: current.mjs get [KEY] | set KEY VALUE …');
  process.exit(2);
}
