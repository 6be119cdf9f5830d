import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';

/** A program that sends every datagram to port 81 back; busybox has none. */
export async function udpEcho(dir: string): Promise<string> {
  const source = `
    #include <arpa/inet.h>
    int main(void) {
      int fd = socket(AF_INET, SOCK_DGRAM, 0);
      struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(81)}, from;
      if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0) return 1;
      for (char data[2048];;) {
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &length);
        if (n >= 0) sendto(fd, data, n, 0, (struct sockaddr *)&from, length);
      }
    }`;
  writeFileSync(join(dir, 'echo.c'), source);
  const built = await run('cc', ['-static', '-o', join(dir, 'echo'), join(dir, 'echo.c')]);
  assert.equal(built.code, 0, built.stderr);
  return join(dir, 'echo');
}
