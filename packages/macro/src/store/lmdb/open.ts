import { type EmbeddedOptions, EmbeddedStore } from '../embedded/embedded-store.ts';
import { LmdbEngine } from './lmdb-engine.ts';

/**
 * The durable store of one machine, in the directory `path`, which is made if it isn't there. One process at a
 * time may have it open.
 */
export function openLmdbStore(path: string, options: EmbeddedOptions = {}): EmbeddedStore {
  return new EmbeddedStore(new LmdbEngine(path), options);
}
