"""Names and prices of the demonstration campus. Prices in fen; by-weight dishes per kilogram."""

from typing import Final

FAMILY: Final = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘蔡蒋余"
GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英文华建国志红梅玉兰海燕春雪晨曦子涵浩然欣怡宇轩"

GROUPS: Final = (("教职工", "Staff"), ("学生", "Students"), ("后勤", "Facilities"), ("外来人员", "Visitors"))

SITES: Final = (("东校区", "East campus", "east"), ("西校区", "West campus", "west"))
CANTEENS: Final = (("第一食堂", "First canteen"), ("第二食堂", "Second canteen"))
STALLS: Final = (
    ("自选餐线", "Self-service"),
    ("称重餐台", "Weigh bar"),
    ("面点档口", "Noodles"),
    ("自助餐厅", "Buffet"),
)

# name, English, category, price
DISHES: Final = (
    ("红烧肉", "Braised pork belly", "荤菜", 1200),
    ("宫保鸡丁", "Kung pao chicken", "荤菜", 900),
    ("鱼香肉丝", "Shredded pork in garlic sauce", "荤菜", 850),
    ("水煮牛肉", "Sichuan boiled beef", "荤菜", 1500),
    ("糖醋排骨", "Sweet and sour ribs", "荤菜", 1300),
    ("清蒸鲈鱼", "Steamed bass", "荤菜", 1600),
    ("回锅肉", "Twice-cooked pork", "荤菜", 1000),
    ("土豆烧牛腩", "Beef brisket with potato", "荤菜", 1400),
    ("可乐鸡翅", "Cola chicken wings", "荤菜", 950),
    ("梅菜扣肉", "Pork with preserved greens", "荤菜", 1200),
    ("番茄炒蛋", "Tomato and egg", "半荤", 500),
    ("麻婆豆腐", "Mapo tofu", "半荤", 500),
    ("肉末茄子", "Eggplant with minced pork", "半荤", 600),
    ("青椒肉丝", "Pork with green pepper", "半荤", 700),
    ("木须肉", "Moo shu pork", "半荤", 750),
    ("蚂蚁上树", "Glass noodles with pork", "半荤", 550),
    ("韭菜炒蛋", "Chives and egg", "半荤", 500),
    ("清炒时蔬", "Seasonal greens", "素菜", 350),
    ("酸辣土豆丝", "Hot and sour potato", "素菜", 300),
    ("蒜蓉西兰花", "Broccoli with garlic", "素菜", 450),
    ("手撕包菜", "Hand-torn cabbage", "素菜", 350),
    ("干煸豆角", "Dry-fried beans", "素菜", 450),
    ("家常豆腐", "Home-style tofu", "素菜", 400),
    ("地三鲜", "Three treasures", "素菜", 500),
    ("凉拌黄瓜", "Cucumber salad", "凉菜", 300),
    ("皮蛋豆腐", "Century egg tofu", "凉菜", 450),
    ("米饭", "Rice", "主食", 100),
    ("馒头", "Steamed bun", "主食", 60),
    ("花卷", "Flower roll", "主食", 80),
    ("玉米", "Corn", "主食", 200),
    ("紫菜蛋花汤", "Seaweed egg soup", "汤", 150),
    ("西湖牛肉羹", "West lake beef soup", "汤", 300),
    ("水果拼盘", "Fruit plate", "水果", 600),
    ("酸奶", "Yoghurt", "饮品", 400),
    ("豆浆", "Soy milk", "饮品", 200),
)
POS_DISHES: Final = (
    ("兰州牛肉面", "Lanzhou beef noodles", "面点", 1400),
    ("鲜肉小笼包", "Pork soup dumplings", "面点", 1000),
    ("扬州炒饭", "Yangzhou fried rice", "面点", 1200),
    ("云吞面", "Wonton noodles", "面点", 1300),
)
WEIGHED: Final = ("自助热菜", "Hot bar by weight", "称重", 3980)
BUFFET_FEN: Final = 1800

# name, English, colour, price of the plate itself where no dish is bound
PLATE_KINDS: Final = (
    ("白色圆盘", "White round plate", "white", 400),
    ("青花大盘", "Blue-and-white dish", "blue", 800),
    ("小碗", "Small bowl", "green", 200),
)

# name, English, first and last minute; together they cover the day
PERIODS: Final = (
    ("早餐", "Breakfast", 240, 600),
    ("午餐", "Lunch", 600, 930),
    ("晚餐", "Dinner", 930, 1260),
    ("夜宵", "Night snack", 1260, 1680),
)
