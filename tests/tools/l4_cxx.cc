// The user's L4 headers in C++: overloads and operators mean what their C names do. Prints TAP.
#include <l4/arch.h>
#include <l4/bootinfo.h>
#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/misc.h>
#include <l4/schedule.h>
#include <l4/sigma0.h>
#include <l4/space.h>
#include <l4/thread.h>

#include <cstdio>

static int made, bad;

static void check(bool good, const char *what)
{
    bad += !good;
    std::printf("%sok %d - %s\n", good ? "" : "not ", ++made, what);
}

static void test_types()
{
    L4_Fpage_t f = L4_Fpage(0x400000, 4096) + L4_FullyAccessible;
    check(f.raw == 0x4000c7, "fpage + rights");
    f -= L4_Writable;
    check((f - L4_Readable).X.rwx == L4_eXecutable, "fpage - rights");
    f += L4_Writable;
    check(L4_Rights(f) == L4_FullyAccessible, "fpage += rights");
    check(L4_GlobalId(3, 1) == L4_GlobalId(3, 1) && L4_GlobalId(3, 1) != L4_nilthread,
          "thread IDs compare");
    L4_Clock_t c = L4_ClockOf(100);
    check((c + 5).raw == 105 && (c - 5).raw == 95, "clock and int");
    check((c + L4_Word64_t(1)).raw == 101 && (c - L4_Word64_t(1)).raw == 99, "clock and word");
    check((c + c).raw == 200 && (c - c).raw == 0, "clock and clock");
    check(c < c + 1 && c + 1 > c && c <= c && c >= c && c == c && c != c + 1, "clocks compare");
}

static void test_times()
{
    L4_Time_t ms = L4_TimePeriod(1000), t = ms;
    check(ms < L4_Never && L4_Never > ms && L4_ZeroTime < ms, "never is longest, zero is shortest");
    check(ms + L4_Word_t(1000) == L4_TimePeriod(2000), "time + microseconds");
    check(ms - L4_Word_t(2000) == L4_ZeroTime, "time - more than it has");
    check(ms + ms == L4_TimePeriod(2000) && ms - ms == L4_ZeroTime, "time and time");
    check(L4_Never + ms == L4_Never && ms - L4_Never == L4_ZeroTime, "never absorbs");
    t += 1000;
    t -= 500;
    check(t >= ms && t != ms && !(t <= ms), "+= and -=");
}

static void test_messages()
{
    L4_Msg_t m;
    L4_Word_t word = 0, words[2] = {1, 2}, items[2] = {0x400008, 0x4000c7};
    L4_MapItem_t map;
    L4_GrantItem_t grant = L4_GrantItem(L4_FpageOf(0x5000c6), 0x5000), got;
    L4_StringItem_t string = L4_StringItem(16, words), gotten;

    L4_Put(&m, 0x12, 2, words, 2, items);
    check(L4_Label(&m) == 0x12 && L4_MsgTag(&m).X.u == 2, "Put of a whole message");
    L4_Append(&m, grant);
    L4_Append(&m, L4_Word_t(7));
    L4_Append(&m, -1);
    L4_Append(&m, string);
    check(m.tag.X.u == 4 && m.tag.X.t == 6, "Append by type");
    check(L4_Get(&m, 2) == 7 && L4_Get(&m, 3) == ~L4_Word_t(0), "Get of words");
    L4_Get(&m, 0, &word);
    check(word == 1, "Get into a word");
    check(L4_Get(&m, 0, &map) == 2 && L4_MapItem(map) && L4_SndBase(map) == 0x400000,
          "Get of a map item");
    check(L4_Get(&m, 2, &got) == 2 && L4_GrantItem(got) && L4_SndFpage(got).raw == 0x5000c6,
          "Get of a grant item");
    check(L4_Get(&m, 4, &gotten) == 2 && L4_StringItem(&gotten) && L4_Substrings(&gotten) == 1,
          "Get of a string item");
    L4_Set_Label(&m, 0x34);
    check((m.tag + 0x56).X.label == 0x56 && m.tag.X.label == 0x34, "tag + label");
    check(m.tag == L4_MsgTag(&m) && m.tag != L4_Niltag, "tags compare");
    L4_Clear(&m);
    check(m.tag == L4_Niltag, "Clear");
}

static void test_buffers()
{
    union {
        L4_Word_t words[8];
        L4_StringItem_t item;
    } s = {};
    L4_MsgBuffer_t b;
    unsigned last;
    int a = 0;

    s.item = L4_StringItem(4, &a);
    s.item += &a;
    check(L4_Substrings(&s.item) == 2, "string += address");
    s.item += L4_StringItem(5, &a);
    check(L4_CompoundString(&s.item) && L4_StringWords(s.words) == 5, "string += string");
    L4_Clear(&b);
    L4_Append(&b, L4_StringItem(9, &a));
    L4_Append(&b, &s.item);
    check(L4_MsgBufferWords(&b, &last) == 7 && last == 2, "Append to a buffer");
    L4_Acceptor_t acceptor = L4_MapGrantItems(L4_CompleteAddressSpace) + L4_StringItemsAcceptor;
    check(L4_StringItems(acceptor) && L4_MapGrantItems(acceptor), "acceptor + acceptor");
    acceptor -= L4_StringItemsAcceptor;
    check(!L4_StringItems(acceptor) && acceptor.X.RcvWindow == 1, "acceptor -= acceptor");
    check(L4_IsIoFpage(L4_IoFpage(0x60, 1)), "port fpage");
}

int main()
{
    test_types();
    test_times();
    test_messages();
    test_buffers();
    std::printf("1..%d\n", made);
    return bad != 0;
}
