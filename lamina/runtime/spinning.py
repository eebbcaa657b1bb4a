"""LLVM text of what threads wait with: the barrier of generated programs, and the loop that worker threads stand in.

Layout of a pool's state (bytes): 0 function, 8 context, 16 threads, 24 yield, 32 lock-acquire, 40 lock-release (all
pointers but `threads`), 48 how many workers have come, 56 whether the pool is taken; 64 workers still at work; then a
line of 64 bytes for each worker: 0 ticket, 8 asleep, 16 lock.

Who takes the pool and which number a worker has is settled here and not in Python, where an interrupt may come between
any two steps.
"""

from __future__ import annotations

from lamina.schedule.target import Target

BARRIER_BYTES = 128
POOL_HEADER = 128
WORKER_BYTES = 64

# A pause is about 20 to 45 ns. What is waited for comes within some microseconds, or else from a thread that has no
# core, perhaps for want of this one: so from here on the core is offered every 16 pauses.
_EAGER_SPINS = 200
# A worker that found no work for so long, about a millisecond, goes to sleep.
_TIRED_SPINS = 20_000


def barrier_ir(target: Target) -> str:
    """LLVM text that defines `void @lamina_barrier(ptr state, i64 threads, ptr yield)`, internal to its module.

    All of `threads` threads must call it; none goes on before the last has come. What each wrote before is then seen by
    all. It may be met any number of times. `state` is `BARRIER_BYTES` zeroed bytes on a 64-byte boundary; `yield` is
    a function `i32 ()` that offers the core to other threads (`threads.yield_address()`), or null.
    """
    return f"""{_pause_ir(target)}
define internal void @lamina_barrier(ptr %state, i64 %threads, ptr %yield) noinline nounwind {{
entry:
  %alone = icmp sle i64 %threads, 1
  br i1 %alone, label %done, label %arrive
arrive:
  %phase = getelementptr i8, ptr %state, i64 64
  %old = load atomic i64, ptr %phase monotonic, align 8
  %before = atomicrmw add ptr %state, i64 1 acq_rel, align 8
  %count = add i64 %before, 1
  %last = icmp eq i64 %count, %threads
  br i1 %last, label %open, label %wait
open:
  store atomic i64 0, ptr %state monotonic, align 8
  %next = add i64 %old, 1
  store atomic i64 %next, ptr %phase release, align 8
  br label %done
wait:
  %spins = phi i64 [ 0, %arrive ], [ %more, %again ]
  %now = load atomic i64, ptr %phase acquire, align 8
  %same = icmp eq i64 %now, %old
  br i1 %same, label %still, label %done
still:
  call void @lamina_pause(i64 %spins, i64 {_EAGER_SPINS}, ptr %yield)
  br label %again
again:
  %more = add i64 %spins, 1
  br label %wait
done:
  ret void
}}
"""


def _pause_ir(target: Target) -> str:
    """`lamina_pause`: tells the core that this is a waiting loop; from `limit` spins on, yields it now and then."""
    architecture = target.triple.split("-")[0]
    hint = {
        "x86_64": "call void @llvm.x86.sse2.pause()",
        "amd64": "call void @llvm.x86.sse2.pause()",
        "aarch64": "call void @llvm.aarch64.hint(i32 1)",
        "arm64": "call void @llvm.aarch64.hint(i32 1)",
    }.get(architecture, "")
    return f"""
define internal void @lamina_pause(i64 %spins, i64 %limit, ptr %yield) alwaysinline nounwind {{
entry:
  {hint}
  %late = icmp sge i64 %spins, %limit
  %low = and i64 %spins, 15
  %sixteenth = icmp eq i64 %low, 0
  %possible = icmp ne ptr %yield, null
  %due = and i1 %late, %sixteenth
  %call = and i1 %due, %possible
  br i1 %call, label %offer, label %done
offer:
  %ignored = call i32 %yield()
  br label %done
done:
  ret void
}}
"""


def pool_ir(target: Target) -> str:
    """LLVM text of the two sides of a pool: `lamina_run` for the caller, `lamina_worker` for the others."""
    return _pause_ir(target) + _TAKE_IR + _RUN_IR + _WORKER_IR


_TAKE_IR = """
define i32 @lamina_take(ptr %state) nounwind {
  %taken = getelementptr i8, ptr %state, i64 56
  %before = atomicrmw xchg ptr %taken, i64 1 acquire, align 8
  %free = icmp eq i64 %before, 0
  %result = zext i1 %free to i32
  ret i32 %result
}
"""

# Hands the job out, does the caller's part, waits for the rest, and returns 1; returns 0 at once where the pool is
# taken. A worker that went to sleep is woken by whoever takes its `asleep` mark away: each mark taken here is answered
# by one release of its lock.
_RUN_IR = f"""
define i32 @lamina_run(ptr %state, ptr %function, ptr %context, i64 %threads) nounwind {{
entry:
  %free = call i32 @lamina_take(ptr %state)
  %refused = icmp eq i32 %free, 0
  br i1 %refused, label %busy, label %start
busy:
  ret i32 0
start:
  store ptr %function, ptr %state, align 8
  %context.at = getelementptr i8, ptr %state, i64 8
  store ptr %context, ptr %context.at, align 8
  %threads.at = getelementptr i8, ptr %state, i64 16
  store i64 %threads, ptr %threads.at, align 8
  %yield.at = getelementptr i8, ptr %state, i64 24
  %yield = load ptr, ptr %yield.at, align 8
  %pending = getelementptr i8, ptr %state, i64 64
  %others = sub i64 %threads, 1
  store atomic i64 %others, ptr %pending monotonic, align 8
  br label %head
head:
  %w = phi i64 [ 1, %start ], [ %next, %told ]
  %more = icmp slt i64 %w, %threads
  br i1 %more, label %tell, label %work
tell:
  call void @lamina_tell(ptr %state, i64 %w, i64 1)
  br label %told
told:
  %next = add i64 %w, 1
  br label %head
work:
  call void %function(ptr %context, i64 0, i64 %threads)
  br label %wait
wait:
  %spins = phi i64 [ 0, %work ], [ %spins.next, %still ]
  %left = load atomic i64, ptr %pending acquire, align 8
  %finished = icmp eq i64 %left, 0
  br i1 %finished, label %done, label %still
still:
  call void @lamina_pause(i64 %spins, i64 {_EAGER_SPINS}, ptr %yield)
  %spins.next = add i64 %spins, 1
  br label %wait
done:
  %taken = getelementptr i8, ptr %state, i64 56
  store atomic i64 0, ptr %taken release, align 8
  ret i32 1
}}

define void @lamina_tell(ptr %state, i64 %worker, i64 %step) nounwind {{
entry:
  %offset = mul i64 %worker, {WORKER_BYTES}
  %line = getelementptr i8, ptr %state, i64 %offset
  %ticket = getelementptr i8, ptr %line, i64 {POOL_HEADER - WORKER_BYTES}
  %asleep = getelementptr i8, ptr %ticket, i64 8
  %ignored = atomicrmw add ptr %ticket, i64 %step seq_cst, align 8
  %was = atomicrmw xchg ptr %asleep, i64 0 seq_cst, align 8
  %sleeps = icmp ne i64 %was, 0
  br i1 %sleeps, label %wake, label %done
wake:
  %lock.at = getelementptr i8, ptr %ticket, i64 16
  %lock = load ptr, ptr %lock.at, align 8
  %release.at = getelementptr i8, ptr %state, i64 40
  %release = load ptr, ptr %release.at, align 8
  call void %release(ptr %lock)
  br label %done
done:
  ret void
}}
"""

# A ticket that changed means a job; one that is negative means the end. A thread too many goes home.
_WORKER_IR = f"""
define void @lamina_worker(ptr %state, i64 %places) nounwind {{
entry:
  %come = getelementptr i8, ptr %state, i64 48
  %earlier = atomicrmw add ptr %come, i64 1 acq_rel, align 8
  %worker = add i64 %earlier, 1
  %place = icmp sle i64 %worker, %places
  br i1 %place, label %begin, label %done
begin:
  %offset = mul i64 %worker, {WORKER_BYTES}
  %line = getelementptr i8, ptr %state, i64 %offset
  %ticket.at = getelementptr i8, ptr %line, i64 {POOL_HEADER - WORKER_BYTES}
  %asleep = getelementptr i8, ptr %ticket.at, i64 8
  %lock.at = getelementptr i8, ptr %ticket.at, i64 16
  %lock = load ptr, ptr %lock.at, align 8
  %context.at = getelementptr i8, ptr %state, i64 8
  %threads.at = getelementptr i8, ptr %state, i64 16
  %yield.at = getelementptr i8, ptr %state, i64 24
  %yield = load ptr, ptr %yield.at, align 8
  %acquire.at = getelementptr i8, ptr %state, i64 32
  %acquire = load ptr, ptr %acquire.at, align 8
  %pending = getelementptr i8, ptr %state, i64 64
  br label %idle
idle:
  %seen = phi i64 [ 0, %begin ], [ %ticket, %work ]
  br label %look
look:
  %spins = phi i64 [ 0, %idle ], [ %spins.next, %pause ], [ 0, %slept ]
  %ticket = load atomic i64, ptr %ticket.at acquire, align 8
  %none = icmp eq i64 %ticket, %seen
  br i1 %none, label %patient, label %called
patient:
  %tired = icmp sge i64 %spins, {_TIRED_SPINS}
  br i1 %tired, label %lie.down, label %pause
pause:
  call void @lamina_pause(i64 %spins, i64 {_EAGER_SPINS}, ptr %yield)
  %spins.next = add i64 %spins, 1
  br label %look
lie.down:
  store atomic i64 1, ptr %asleep seq_cst, align 8
  %recheck = load atomic i64, ptr %ticket.at seq_cst, align 8
  %still.none = icmp eq i64 %recheck, %seen
  br i1 %still.none, label %sleep, label %get.up
get.up:
  %mark = atomicrmw xchg ptr %asleep, i64 0 seq_cst, align 8
  %mine = icmp ne i64 %mark, 0
  br i1 %mine, label %slept, label %sleep
sleep:
  %ignored = call i32 %acquire(ptr %lock, i32 1)
  br label %slept
slept:
  br label %look
called:
  %end = icmp slt i64 %ticket, 0
  br i1 %end, label %done, label %work
work:
  %function = load ptr, ptr %state, align 8
  %context = load ptr, ptr %context.at, align 8
  %threads = load i64, ptr %threads.at, align 8
  call void %function(ptr %context, i64 %worker, i64 %threads)
  %left = atomicrmw sub ptr %pending, i64 1 release, align 8
  br label %idle
done:
  ret void
}}
"""
