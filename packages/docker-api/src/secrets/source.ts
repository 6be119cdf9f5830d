import type { Cloud, Config, Files, Secret } from '@kraud/cloud';

/** What makes the operations on secrets and those on configs two families; all else they share. */
export interface Source {
  readonly noun: 'secret' | 'config';
  readonly path: '/secrets' | '/configs';
  files(cloud: Cloud): Files<Secret | Config>;
  /** Whether a reply may hold the bytes. */
  readonly showsData: boolean;
}

export const secretSource: Source = {
  noun: 'secret',
  path: '/secrets',
  files: ({ secrets }) => secrets,
  showsData: false,
};

export const configSource: Source = {
  noun: 'config',
  path: '/configs',
  files: ({ configs }) => configs,
  showsData: true,
};
