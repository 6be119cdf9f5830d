export { execErrors, FakeContainer, type FakeProcess, type FakeProgram } from './fake-container.ts';
export { FakeCradle } from './fake-cradle.ts';
export { FakeGuest } from './fake-guest.ts';
export { FakeImages } from './fake-images.ts';
export { FakeMachine, type FakePrograms } from './fake-machine.ts';
export { FakeNetwork } from './fake-network.ts';
export { FakeVolumes } from './fake-volumes.ts';
export { HostWorld, type HostWorldOptions } from './host-world.ts';
export { CrashPoint, crashable, live } from './live.ts';
